import type { VariablesOf } from '../graphql/graphql.ts';
import { cronProblem, usualSchedule } from '../schedules/timing.ts';
import { parseAge } from '../ui/age.ts';
import { parseSize } from '../ui/size.ts';
import { concurrencyOf, concurrencyProblem } from './concurrency.ts';
import { limitOf, limitProblem } from './limit.ts';
import { manifestProblem } from './manifest.ts';
import type { CreateTransferMutation } from './order.ts';
import { type ConflictPolicy, type Mode, policiesOf } from './words.ts';

type OrderInput = VariablesOf<typeof CreateTransferMutation>['input'];
export type OrderFields = Pick<OrderInput, 'mode' | 'options' | 'name' | 'priority' | 'bandwidthLimit'>;

/** What is chosen about a transfer, as typed. Fields are called as in the API, where its errors name them. */
export interface Choices {
  name: string;
  when: 'now' | 'later' | 'again';
  startAt: string;
  /** When it is ordered again and again. */
  cron: string;
  timeZone: string;
  priority: 'LOW' | 'NORMAL' | 'HIGH';
  mode: Mode;
  conflictPolicy: ConflictPolicy;
  /** Globs, one a line. */
  include: string;
  exclude: string;
  minSize: string;
  maxSize: string;
  modifiedAfter: string;
  modifiedBefore: string;
  /** Ages, such as `30 days`. */
  olderThan: string;
  newerThan: string;
  /** A file of paths, which is handed to the API with the order. */
  manifest: File | null;
  keep: readonly KeptMetadata[];
  names: 'REFUSE' | 'ENCODE' | 'DECODE';
  verification: 'STANDARD' | 'REREAD';
  maxTries: string;
  /** A size a second; '': no limit. */
  bandwidthLimit: string;
  /** Objects at once; '': no limit. */
  concurrency: string;
  /** Deletion limit of a mirror: objects, and per cent of what is at the destination. */
  objects: string;
  share: string;
}

export const keptMetadata = ['contentType', 'userMetadata', 'modifiedAt', 'emptyFolders', 'tags'] as const;
export type KeptMetadata = (typeof keptMetadata)[number];
/** Tags take a request more for each object, and a right that few accounts have. */
export const usuallyKept: readonly KeptMetadata[] = keptMetadata.filter((kept) => kept !== 'tags');

/** A plain copy that begins at once. */
export const plainCopy: Choices = {
  name: '',
  when: 'now',
  startAt: '',
  ...usualSchedule,
  priority: 'NORMAL',
  mode: 'COPY',
  conflictPolicy: 'OVERWRITE',
  include: '',
  exclude: '',
  minSize: '',
  maxSize: '',
  modifiedAfter: '',
  modifiedBefore: '',
  olderThan: '',
  newerThan: '',
  manifest: null,
  keep: usuallyKept,
  names: 'REFUSE',
  verification: 'STANDARD',
  maxTries: '3',
  bandwidthLimit: '',
  concurrency: '',
  objects: '1000',
  share: '50',
};

/** The fields that few transfers need, in the order of the page. */
export const moreFields = [
  'conflictPolicy',
  'objects',
  'share',
  'include',
  'exclude',
  'minSize',
  'maxSize',
  'modifiedAfter',
  'modifiedBefore',
  'olderThan',
  'newerThan',
  'manifest',
  'names',
  'verification',
  'maxTries',
  'bandwidthLimit',
  'concurrency',
] as const satisfies readonly (keyof Choices)[];

/** The fields that an error can stand beside, in the order of the page. */
export const choiceFields = ['name', 'startAt', 'cron', 'timeZone', ...moreFields] as const;

const wholeNumber = (text: string, least: number, most: number) =>
  /^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= most;
const sizeProblem = (text: string) =>
  text.trim() === '' || parseSize(text) !== null ? null : 'Type a size such as 500 KB or 1.5 GiB.';
const ageProblem = (text: string) =>
  text.trim() === '' || parseAge(text) !== null
    ? null
    : 'Type an age of at most 100 years, such as 30 days or 12 hours.';

/** What is wrong with a field as typed, or null. Globs, and how fields go together, the API judges. */
export const choiceRules = {
  startAt: (startAt: string, { when }: Choices) =>
    when !== 'later' || new Date(startAt).getTime() > Date.now() ? null : 'Choose a time that is still to come.',
  cron: (cron: string, { when }: Choices) => (when === 'again' ? cronProblem(cron) : null),
  bandwidthLimit: limitProblem,
  concurrency: concurrencyProblem,
  minSize: sizeProblem,
  maxSize: sizeProblem,
  olderThan: ageProblem,
  newerThan: ageProblem,
  manifest: manifestProblem,
  objects: (text: string, { mode }: Choices) =>
    mode !== 'SYNC' || wholeNumber(text, 0, 2_147_483_647) ? null : 'Type a whole number, 0 or more.',
  share: (text: string, { mode }: Choices) =>
    mode !== 'SYNC' || wholeNumber(text, 0, 100) ? null : 'Type a whole number from 0 to 100.',
  maxTries: (text: string) => (wholeNumber(text, 1, 20) ? null : 'Type a whole number from 1 to 20.'),
};

const isSet = (text: string) => text.trim() !== '';
const instant = (local: string) => new Date(local).toISOString();
const globsOf = (lines: string) =>
  lines
    .split('\n')
    .map((line) => line.trim())
    .filter(isSet);

/** What differs from a plain order, for the API. `manifest`: id of the one that the chosen file became, if any. */
export function orderFields(choices: Choices, manifest: string | null): OrderFields {
  const { name, priority, mode, bandwidthLimit } = choices;
  return {
    mode,
    priority,
    options: optionsOf(choices, manifest),
    bandwidthLimit: limitOf(bandwidthLimit),
    ...(isSet(name) ? { name: name.trim() } : {}),
  };
}

/** When an order begins, for the API; absent: at once. */
export function startOf({ when, startAt }: Choices): { startAt?: string } {
  return when === 'later' ? { startAt: instant(startAt) } : {};
}

function optionsOf(choices: Choices, manifest: string | null): NonNullable<OrderInput['options']> {
  const { mode, conflictPolicy, keep, names, verification, maxTries, concurrency, objects, share } = choices;
  const { include, exclude, minSize, maxSize, modifiedAfter, modifiedBefore, olderThan, newerThan } = choices;
  return {
    ...(mode === 'VERIFY' ? {} : { conflictPolicy }),
    filter: {
      include: globsOf(include),
      exclude: globsOf(exclude),
      ...(isSet(minSize) ? { minSize: parseSize(minSize) } : {}),
      ...(isSet(maxSize) ? { maxSize: parseSize(maxSize) } : {}),
      ...(isSet(modifiedAfter) ? { modifiedAfter: instant(modifiedAfter) } : {}),
      ...(isSet(modifiedBefore) ? { modifiedBefore: instant(modifiedBefore) } : {}),
      ...(isSet(olderThan) ? { olderThan: parseAge(olderThan) } : {}),
      ...(isSet(newerThan) ? { newerThan: parseAge(newerThan) } : {}),
      ...(manifest === null ? {} : { manifest }),
    },
    keep: {
      contentType: keep.includes('contentType'),
      userMetadata: keep.includes('userMetadata'),
      modifiedAt: keep.includes('modifiedAt'),
      emptyFolders: keep.includes('emptyFolders'),
      tags: keep.includes('tags'),
    },
    names,
    verification,
    maxTries: Number(maxTries),
    concurrency: concurrencyOf(concurrency),
    ...(mode === 'SYNC' ? { deletionLimit: { objects: Number(objects), share: Number(share) / 100 } } : {}),
  };
}

/** How many of the choices that few need differ from the usual ones. */
export function changedChoices(choices: Choices): number {
  const usual = { ...plainCopy, conflictPolicy: policiesOf[choices.mode][0] ?? choices.conflictPolicy };
  const isChanged = (field: (typeof moreFields)[number]) => {
    const chosen = choices[field];
    return (typeof chosen === 'string' ? chosen.trim() : chosen) !== usual[field];
  };
  const kept = keptMetadata.every((one) => choices.keep.includes(one) === usuallyKept.includes(one)) ? 0 : 1;
  return moreFields.filter(isChanged).length + kept;
}
