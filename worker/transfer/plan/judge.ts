import { setImmediate } from 'node:timers/promises';
import type { Db, TransferAction, TransferMode } from '../../../core/db.ts';
import { AppError, toAppError } from '../../../core/errors.ts';
import type { Filter } from '../../../queue/filter.ts';
import type { TransferOptions } from '../../../queue/transfer-options.ts';
import type { Entry, Location } from '../../../storage/provider.ts';
import type { OpenAccount } from '../accounts.ts';
import { patiently } from '../engine.ts';
import type { RefusedRoutes } from '../route.ts';
import type { UrlReach } from '../url-reach.ts';
import { decide } from './decide.ts';
import { FactFinder, type Reserve } from './find-facts.ts';
import type { Manifest } from './manifest.ts';
import type { Match } from './matches.ts';
import {
  canonicalKey,
  claimOf,
  type NameClaim,
  type NameOwners,
  nameProblem,
  namesBefore,
  Standing,
  takenNames,
} from './names.ts';
import type { PlannedObject, PlanPage } from './page.ts';
import type { Room } from './room.ts';
import type { Section } from './section.ts';
import { type Side, WorkloadCounter } from './workload.ts';
import type { WritePermission } from './write-permission.ts';

/** Longest that filters keep the process from everything else. */
const filterSliceMs = 20;

/** What a transfer's plan goes by. */
export interface PlanRules {
  transferId: string;
  mode: TransferMode;
  options: TransferOptions;
  filter: Filter;
  /** null: everything that the filter takes. */
  manifest: Manifest | null;
  /** Whether what is at the destination is listed too. */
  isJoined: boolean;
  /** Whether objects of different sections, or of names that fold, can meet in one name that no listing shows. */
  canMeet: boolean;
  source: OpenAccount;
  destination: OpenAccount;
  refusedRoutes: RefusedRoutes;
  urlReach: UrlReach;
  /** A worker's memory budget. */
  budgetBytes: number;
  /** Whether it is counted what the plan comes to. */
  isCounted: boolean;
  /** Told of every request that planning makes. */
  onRequest(side: Side, kind: 'list' | 'read' | 'write'): void;
}

/** Decides what becomes of the objects of a stretch of listing. */
export class Judge {
  readonly #rules: PlanRules;
  readonly #db: Db;
  readonly #signal: AbortSignal;
  readonly #facts: FactFinder;
  readonly #counter: WorkloadCounter | null;
  readonly #room: Room;
  readonly #permission: WritePermission;

  /** `signal`: planning has to stop. */
  constructor(rules: PlanRules, db: Db, room: Room, permission: WritePermission, signal: AbortSignal) {
    this.#room = room;
    this.#permission = permission;
    this.#rules = rules;
    this.#db = db;
    this.#signal = signal;
    this.#facts = new FactFinder(rules, signal);
    this.#counter = rules.isCounted ? new WorkloadCounter(rules, signal) : null;
  }

  /** Whether it asks which names were taken by the stretches before: these have to be on record then. */
  get asksForNames(): boolean {
    return this.#rules.canMeet;
  }

  /**
   * Why nothing can be written where the section arrives, found out by what was judged last, which need not be kept then;
   * null: it can.
   */
  get refusal(): AppError | null {
    return this.#permission.refusal;
  }

  /**
   * Adds the objects to the page. Returns the names at the destination that they take, with their ordinals, where others of
   * the transfer could meet them there. Rejects when planning has to stop.
   */
  async judge(page: PlanPage, section: Section, listed: readonly Match[]): Promise<Map<string, number>> {
    page.destinationObjects = listed.filter(({ destination }) => destination?.kind === 'file').length;
    // A filled folder is made with what is in it; what stands for it at the destination stays.
    const matches = listed.filter(({ source }) => !source?.isFilled);
    const taken = await this.#takenNames(section, matches);
    const chosen = await this.#chosen(section, matches, page);
    let reserved: Set<string> | undefined;
    const reserve: Reserve = async (location) => {
      // Only few plans ask. Names of the stretches before are on record.
      reserved ??= new Set(matches.flatMap(({ source, key }) => (source === null ? [] : [key])));
      if (reserved.has(location.key)) return false;
      reserved.add(location.key);
      const { name } = this.#claimOf(location);
      return !taken.has(name) && !(await this.#taken([name])).has(name);
    };
    const judged = (await Promise.all(chosen.map((match) => this.#judgeOne(section, match, reserve)))).filter(
      (object) => object !== null,
    );
    this.#barByStanding(listed, judged);
    await this.#counter?.learnRoutes(judged);
    const names = new Map<string, number>();
    let [firstKey, firstOrdinal] = ['', 0];
    for (const object of judged) {
      if (object.rival === undefined) [firstKey, firstOrdinal] = [object.source.key, page.nextOrdinal];
      // Those that go to one name come in a row; filters may have left out the first.
      else if (object.rival === firstKey) object.collidesWith = firstOrdinal;
      const takesName = this.#rules.canMeet && object.action !== 'DELETE';
      if (takesName && object.problem === undefined) await this.#findPlace(object, taken, reserve);
      const isAsked = this.#permission.denials !== null && object.problem === undefined && isWritten(object.action);
      if (isAsked) object.problem = await this.#permission.problemOf(object.destination);
      if (object.problem === undefined && isWritten(object.action)) await this.#takeRoom(object);
      if (takesName && object.problem === undefined) {
        const { name, folders } = this.#claimOf(object.destination);
        for (const hash of [name, ...folders]) {
          if (taken.has(hash)) continue;
          taken.set(hash, page.nextOrdinal);
          names.set(hash, page.nextOrdinal);
        }
      }
      page.add(object);
      this.#counter?.add(page.workload, object);
    }
    page.roomBytes = this.#room.leftBytes;
    page.writeDenials = this.#permission.denials;
    return names;
  }

  /**
   * Refuses what does not fit into the room that is left. What may be replaced unseen takes none of it, and is looked at
   * where it alone would not fit.
   */
  async #takeRoom(object: PlannedObject): Promise<void> {
    const { sizeBytes, replacedBytes, destination } = object;
    if (replacedBytes === undefined && this.#room.holds(sizeBytes)) return;
    try {
      const growth = sizeBytes - (replacedBytes ?? (await this.#facts.sizeThere(destination)));
      if (!this.#room.holds(growth)) object.problem = this.#room.refusal(sizeBytes);
      else if (replacedBytes !== undefined) this.#room.take(growth);
    } catch (cause) {
      if (this.#signal.aborted) throw cause;
      object.problem = toAppError(cause);
    }
  }

  /**
   * What the run would find in its way: a file in place of a folder, or the other way round. Seen where both come in one
   * stretch; else the run says so.
   */
  #barByStanding(matches: readonly Match[], judged: readonly PlannedObject[]): void {
    const { capabilities } = this.#rules.destination.provider;
    if (capabilities.folders === 'marker') return;
    const standing = new Standing(
      matches.flatMap(({ destination }) => destination?.key ?? []),
      capabilities,
    );
    for (const object of judged) {
      if (isWritten(object.action) && standing.bars(object.destination.key)) object.problem ??= standingCollision();
    }
  }

  /** Where an object of the transfer is in its way, it has another name or none. */
  async #findPlace(object: PlannedObject, taken: NameOwners, reserve: Reserve): Promise<void> {
    const { name, barred } = this.#claimOf(object.destination);
    const barring = (hashes: readonly string[]) =>
      object.action === 'SKIP' ? undefined : hashes.find((hash) => taken.has(hash));
    const file = barring(barred.asFolder);
    const owned = file ?? (taken.has(name) ? name : barring(barred.asName));
    if (owned === undefined) return;
    if (file !== undefined) object.problem = folderCollision();
    else await this.#giveWay(object, reserve);
    if (object.problem?.code === 'NAME_COLLISION') object.collidesWith = taken.get(owned) ?? undefined;
  }

  /** Another object of the transfer has the name. */
  async #giveWay(object: PlannedObject, reserve: Reserve): Promise<void> {
    if (this.#rules.options.conflictPolicy !== 'KEEP_BOTH' || object.action !== 'ADD') {
      object.problem = collision();
      return;
    }
    try {
      object.reason = 'EXISTS';
      object.destination = await this.#facts.freeName(object.destination, reserve);
      object.problem = this.#problemOf(object);
    } catch (cause) {
      if (this.#signal.aborted) throw cause;
      object.problem = toAppError(cause);
    }
  }

  /** Globs of a user may take long to hold against names: everybody else's work goes on in between. */
  async #chosen(section: Section, matches: readonly Match[], page: PlanPage): Promise<Match[]> {
    const chosen: Match[] = [];
    let since = performance.now();
    for (const match of matches) {
      if (this.#takes(section, match, page)) chosen.push(match);
      if (performance.now() - since < filterSliceMs) continue;
      await setImmediate();
      since = performance.now();
    }
    return chosen;
  }

  /** Whether the filters take it, and else counts it. */
  #takes(section: Section, { source, destination, key }: Match, page: PlanPage): boolean {
    const { filter, manifest, options, mode } = this.#rules;
    if (source === null && mode !== 'SYNC' && mode !== 'VERIFY') return false;
    // A folder has no object of the source to come from: it is there for what is in it, or somebody made it.
    if (source === null && destination?.kind === 'folder') return false;
    // What is left out at the source is left alone at the destination, by whichever name it would have.
    const paths = source === null ? namesBefore(options.names, section.pathAt(key)) : [section.pathOf(source.key)];
    const { container } = section.source;
    const isNamed = (path: string) =>
      (manifest?.takes(`${container}/${section.sourceKeyOf(path)}`) ?? true) && filter.takesPath(path);
    const entry = (source ?? destination) as Entry;
    const isTaken = paths.every(isNamed) && filter.takesEntry(entry) && (options.keep.emptyFolders || !isMarker(entry));
    if (!isTaken) page.excluded += 1;
    return isTaken;
  }

  async #judgeOne(section: Section, match: Match, reserve: Reserve): Promise<PlannedObject | null> {
    const { source, destination } = match;
    const { container } = section.destination;
    const to = { container, key: match.key };
    if (source === null) return destination === null ? null : this.#judgeExtra(section, destination);
    const object: PlannedObject = {
      source: { container: section.source.container, key: source.key },
      destination: to,
      sizeBytes: source.sizeBytes,
      modifiedAt: source.modifiedAt,
      version: source.version,
      action: 'WRITE',
      reason: null,
      destinationVersion: null,
      sourceRemoval: null,
    };
    try {
      if (this.#rules.isJoined) await this.#compare(object, source, destination, reserve);
    } catch (cause) {
      // One object that cannot be looked at fails by itself.
      if (this.#signal.aborted) throw cause;
      object.problem = toAppError(cause);
    }
    const isCopied = object.action !== 'SKIP' || object.reason === 'SAME';
    if (this.#rules.mode === 'MOVE' && isCopied) object.sourceRemoval = 'PENDING';
    if (object.action !== 'SKIP') object.problem ??= this.#problemOf(object);
    if (match.rival !== undefined) {
      object.problem = collision();
      object.rival = match.rival;
    }
    return object;
  }

  /** Chooses the action by what is at the destination. */
  async #compare(object: PlannedObject, source: Entry, destination: Entry | null, reserve: Reserve): Promise<void> {
    const { mode, options } = this.#rules;
    // First, so that an object that could not be looked at and is tried again replaces nothing that was not seen.
    object.destinationVersion = destination === null ? {} : destination.version;
    if (destination !== null && this.#isSameFolder(source, destination)) {
      object.action = 'SKIP';
      object.reason = 'SAME';
      return;
    }
    if (mode === 'VERIFY') return this.#verify(object, source, destination);
    const decided =
      decide(source, destination, options.conflictPolicy) ??
      (await this.#facts.decide(object, source, destination as Entry, options.conflictPolicy));
    object.action = decided.action;
    object.reason = decided.reason;
    object.replacedBytes = decided.action === 'REPLACE' ? (destination?.sizeBytes ?? 0) : 0;
    if (decided.how === 'REFUSED') {
      object.problem = new AppError('DESTINATION_EXISTS', 'An object of this name is at the destination already.');
    } else if (decided.how === 'RENAMED') {
      // Under whatever name: only where nothing is.
      object.destinationVersion = {};
      object.destination = await this.#facts.freeName(object.destination, reserve);
    }
  }

  /** Whether it is the same folder on both sides, so that there is nothing to do, whatever the policy. */
  #isSameFolder(source: Entry, destination: Entry): boolean {
    // One that is no object has nothing but its name.
    if (source.kind === 'folder') return true;
    if (!isMarker(source) || !isMarker(destination)) return false;
    const { mode, options } = this.#rules;
    // A folder is not in its own way, and a second one beside it would be empty.
    const isEither = options.conflictPolicy === 'KEEP_BOTH' || options.conflictPolicy === 'FAIL';
    return destination.kind === 'folder' || (isEither && mode !== 'VERIFY');
  }

  #verify(object: PlannedObject, source: Entry, destination: Entry | null): void {
    object.action = 'COMPARE';
    const decided = decide(source, destination, 'OVERWRITE_IF_DIFFERENT');
    object.reason = decided?.reason ?? 'NOT_COMPARABLE';
    if (destination === null) {
      object.problem = differs('It is not at the destination.');
    } else if (decided?.reason === 'DIFFERENT_SIZE') {
      object.problem = differs(`The destination has ${destination.sizeBytes} bytes, the source ${source.sizeBytes}.`);
    } else if (decided?.reason === 'DIFFERENT_HASH') {
      object.problem = differs('The hashes of both sides differ.');
    }
  }

  /** What the source does not have. */
  #judgeExtra(section: Section, entry: Entry): PlannedObject {
    const isVerify = this.#rules.mode === 'VERIFY';
    const [path] = namesBefore(this.#rules.options.names, section.pathAt(entry.key));
    // The name that it would have there; but what has that name may go to another place.
    const key = section.sourceKeyOf(path);
    const { capabilities } = this.#rules.destination.provider;
    const isOfName =
      canonicalKey(section.destinationKeyOf(key), capabilities) === canonicalKey(entry.key, capabilities);
    return {
      source: { container: section.source.container, key },
      destination: { container: section.destination.container, key: entry.key },
      sizeBytes: 0,
      modifiedAt: entry.modifiedAt,
      version: isVerify || !isOfName ? null : {},
      action: isVerify ? 'COMPARE' : 'DELETE',
      reason: 'EXTRA',
      destinationVersion: entry.version,
      sourceRemoval: null,
      ...(isVerify && { problem: differs('It is at the destination and not at the source.') }),
    };
  }

  #problemOf({ destination, sizeBytes }: PlannedObject): AppError | undefined {
    const { provider } = this.#rules.destination;
    const { objectMaxBytes } = provider.capabilities.write;
    if (sizeBytes > objectMaxBytes) {
      const message = `The destination takes objects of up to ${objectMaxBytes} bytes; this one has ${sizeBytes}.`;
      return new AppError('OBJECT_TOO_LARGE', message);
    }
    return nameProblem(provider, destination.key, sizeBytes);
  }

  #claimOf(location: Location): NameClaim {
    return claimOf(location, this.#rules.destination.provider.capabilities);
  }

  async #takenNames(section: Section, matches: readonly Match[]): Promise<NameOwners> {
    if (!this.#rules.canMeet) return new Map();
    const { container } = section.destination;
    const hashes = matches.flatMap(({ key }) => {
      const { name, folders, barred } = this.#claimOf({ container, key });
      return [name, ...folders, ...barred.asName, ...barred.asFolder];
    });
    return this.#taken([...new Set(hashes)]);
  }

  #taken(hashes: readonly string[]): Promise<NameOwners> {
    return patiently(this.#signal, () => takenNames(this.#db, this.#rules.transferId, hashes));
  }
}

const isWritten = (action: TransferAction) => action === 'WRITE' || action === 'ADD' || action === 'REPLACE';

/** Whether it stands for a folder: markers are objects of no bytes. */
function isMarker(entry: Entry): boolean {
  return entry.sizeBytes === 0 && entry.key.endsWith('/');
}

function collision(): AppError {
  return new AppError('NAME_COLLISION', 'Another object of this transfer goes to the same name.');
}

function folderCollision(): AppError {
  const message = 'Another object of this transfer goes to the name of its folder, and here no file can be in a file.';
  return new AppError('NAME_COLLISION', message);
}

function standingCollision(): AppError {
  const message = 'A folder at the destination has the name of the file, or a file that of one of its folders.';
  return new AppError('NAME_COLLISION', message);
}

function differs(message: string): AppError {
  return new AppError('DESTINATION_DIFFERS', message);
}
