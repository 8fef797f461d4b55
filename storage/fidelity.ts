import type { Capabilities, TagRules } from './capabilities.ts';

/** What a pair of stores may fail to keep, in the order in which it is told. */
export const lossCodes = [
  'USER_METADATA',
  'CONTENT_HEADERS',
  'TAGS',
  'MODIFICATION_TIME',
  'MODIFICATION_TIME_PRECISION',
  'NAME_CASE',
  'NAME_LENGTH',
] as const;

export type LossCode = (typeof lossCodes)[number];

/** One thing that does not survive the way from one store to another, or not as it was. */
export interface Loss {
  code: LossCode;
  /** For people: what it is, and what happens instead. */
  message: string;
}

/**
 * What objects lose between two stores, whatever the objects are; `keep`: what is to travel besides. Empty: nothing that is known of
 * stores in general.
 */
export function fidelityOf(source: Capabilities, destination: Capabilities, keep: { tags: boolean }): Loss[] {
  const from = source.write;
  const to = destination.write;
  const losses: Partial<Record<LossCode, string>> = {};
  if (from.userMetadata && !to.userMetadata) {
    losses.USER_METADATA =
      'User metadata, names and values that a writer gave to an object, is left behind: the destination has no place for it.';
  }
  if (from.contentHeaders && !to.contentHeaders) {
    losses.CONTENT_HEADERS =
      'Content type, encoding, language, disposition and cache control are left behind: the destination chooses its own.';
  }
  if (source.tags !== null && destination.tags === null) {
    losses.TAGS = 'Tags of objects are left behind: the destination has none.';
  } else if (keep.tags && source.tags && destination.tags && isNarrower(destination.tags, source.tags)) {
    losses.TAGS =
      'Tags with characters that the destination does not take, or too long for it, are left behind: each object tells which.';
  }
  if (from.modifiedAtPrecisionMs !== null) {
    if (to.modifiedAtPrecisionMs === null) {
      losses.MODIFICATION_TIME =
        'The modification time is left behind: at the destination it is the time of the transfer.';
    } else if (to.modifiedAtPrecisionMs > from.modifiedAtPrecisionMs) {
      losses.MODIFICATION_TIME_PRECISION = `The modification time is kept to ${duration(to.modifiedAtPrecisionMs)}, where the source has it to ${duration(from.modifiedAtPrecisionMs)}.`;
    }
  }
  if (source.caseSensitive && !destination.caseSensitive) {
    losses.NAME_CASE =
      'Names that differ only by case are one name at the destination: the first such object is moved, the others fail and are reported.';
  }
  if (source.maxKeyBytes > destination.maxKeyBytes) {
    losses.NAME_LENGTH = `Names of more than ${destination.maxKeyBytes} bytes may be too long for the destination: such objects fail and are reported.`;
  }
  return lossCodes.flatMap((code) => {
    const message = losses[code];
    return message === undefined ? [] : [{ code, message }];
  });
}

/** Whether what one store takes may be too much for the other. */
function isNarrower(one: TagRules, other: TagRules): boolean {
  const isShorter =
    one.maxTags < other.maxTags || one.maxNameLength < other.maxNameLength || one.maxValueLength < other.maxValueLength;
  return isShorter || one.namePattern !== other.namePattern || one.valuePattern !== other.valuePattern;
}

function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
