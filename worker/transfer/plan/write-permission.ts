import { AppError, toAppError } from '../../../core/errors.ts';
import type { PlanPlace } from '../../../queue/plan-checkpoint.ts';
import type { Location } from '../../../storage/provider.ts';
import { askingOnce } from './asking.ts';
import type { PlanRules } from './judge.ts';
import type { Section } from './section.ts';

/** After so many objects that the account may not write, and none that it may, no other is expected to fare better. */
const mostDenials = 10;
/** Stands for the objects of a section while nobody knows their names. */
const trialName = 'skyferry-may-write';
/** A cloud that has not answered by then does not tell. */
const patienceMs = 5_000;

/**
 * Finds out whether the destination's account may write, so that no source is read in vain: asks about the objects that are
 * to be written, in the order of the plan, until the first that it may. Permissions may depend on names, hence no verdict
 * from one, and none on other folders than that where a source path arrives. Where the cloud does not tell, the run does.
 */
export class WritePermission {
  readonly #rules: PlanRules;
  readonly #signal: AbortSignal;
  /** Where the section arrives that is planned; undefined: none is yet. */
  #folder: string | undefined;
  /** Of the folder. */
  #denials: number | null;
  #refusal: AppError | null = null;
  /** Settles to what is said about a name of our own in the folder. Never rejects. */
  #trial: Promise<AppError | null> | undefined;

  /** `denials`: as a former planner of the plan left them. `signal`: planning has to stop. */
  constructor(rules: PlanRules, denials: number | null, signal: AbortSignal) {
    this.#rules = rules;
    this.#denials = denials;
    this.#signal = signal;
  }

  /** Objects of the folder that it may not write, without one that it may; null: nothing more is asked. */
  get denials(): number | null {
    return this.#denials;
  }

  /** Why nothing is written to the folder at all; null: there is no reason not to try. */
  get refusal(): AppError | null {
    return this.#refusal;
  }

  /** A section is planned, from the place on. What is known is known of its folder, by a former planner of it too. */
  enter({ destinationPrefix }: Section, { cursor, after }: PlanPlace): void {
    const folder = destinationPrefix.slice(0, destinationPrefix.lastIndexOf('/') + 1);
    const isNew = this.#folder === undefined ? cursor === null && after === null : folder !== this.#folder;
    this.#folder = folder;
    if (!isNew) return;
    this.#denials = 0;
    this.#refusal = null;
    this.#trial = undefined;
  }

  /**
   * Asks about a name like those to come, while their listing is on its way: only an account that may not write it has to
   * be asked about objects, which wait for the answer. Where the destination is listed too there may be nothing to write.
   */
  askAhead({ source, destination, destinationPrefix }: Section): void {
    if (this.#denials === null || this.#rules.isJoined) return;
    const key = source.kind === 'object' ? destinationPrefix : destinationPrefix + trialName;
    this.#trial ??= this.#ask({ container: destination.container, key });
  }

  /** Why an object may not be written; undefined: it may, or nobody knows. Rejects when planning has to stop. */
  async problemOf(location: Location): Promise<AppError | undefined> {
    if (this.#refusal !== null) return this.#refusal;
    if (this.#denials === null) return undefined;
    const denial = (await this.#trial) === null ? null : await this.#ask(location);
    this.#signal.throwIfAborted();
    if (denial === null) {
      this.#denials = null;
      return undefined;
    }
    this.#denials += 1;
    if (this.#denials < mostDenials) return denial;
    this.#trial ??= this.#ask({ container: location.container, key: `${this.#folder ?? ''}${trialName}` });
    if ((await this.#trial) === null) {
      // Those that are there may be denied for that alone: what is new may be written.
      this.#denials = null;
      return denial;
    }
    const message = `The account may write none of the first ${mostDenials} objects at the destination. ${denial.message}`;
    this.#refusal = new AppError('PERMISSION_DENIED', message, { cause: denial });
    return this.#refusal;
  }

  /** null: it may be written, or nobody knows. */
  async #ask(location: Location): Promise<AppError | null> {
    const { destination, onRequest } = this.#rules;
    const { provider } = destination;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(patienceMs)]);
    try {
      await askingOnce(destination, signal, () => {
        if (provider.requests.assertWritable.write) onRequest('destination', 'write');
        return provider.assertWritable(location, signal);
      });
      return null;
    } catch (cause) {
      const error = toAppError(cause);
      return error.code === 'PERMISSION_DENIED' ? error : null;
    }
  }
}
