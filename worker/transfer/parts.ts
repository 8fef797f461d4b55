import type { Capabilities } from '../../storage/capabilities.ts';

const MiB = 1024 * 1024;
/** Objects up to this size travel in one request: a lost one costs little. */
const wholeMaxBytes = 16 * MiB;
/** The same where the whole body has to be in memory first; nothing smaller travels in parts. */
export const wholeMaxBufferedBytes = 8 * MiB;
const leastPartBytes = 8 * MiB;
/** Parts are multiples of Dropbox's blocks, so that its hash of an object can be put together from pieces. */
const multipleBytes = 4 * MiB;
/** Parts that one object is cut into where the cloud's limits leave a choice: a checkpoint stays small. */
const usualParts = 1_000;

type WriteCapabilities = Capabilities['write'];

/** Whether the object is written with one request. */
export function isWhole(sizeBytes: number, write: WriteCapabilities): boolean {
  const most = write.digestTiming === 'before' ? wholeMaxBufferedBytes : wholeMaxBytes;
  return sizeBytes <= Math.min(most, write.singleMaxBytes);
}

/**
 * Size of an object's parts, but for the last: 8 MiB at least, larger for large objects so that there are about a
 * thousand of them, within what the destination takes. Where parts have to be in memory, an eighth of the budget
 * bounds them as far as the destination's number of parts allows.
 */
export function partSizeFor(sizeBytes: number, write: WriteCapabilities, budgetBytes: number): number {
  const least = Math.max(write.partMinBytes, Math.ceil(sizeBytes / write.maxParts));
  const usual = Math.max(leastPartBytes, Math.ceil(sizeBytes / usualParts));
  const wanted = write.digestTiming === 'before' ? Math.min(usual, Math.floor(budgetBytes / 8)) : usual;
  const multiple = Math.max(multipleBytes, write.partMultipleBytes);
  return Math.min(Math.ceil(Math.max(least, wanted) / multiple) * multiple, write.partMaxBytes);
}

export interface PartRange {
  /** 1-based. */
  partNumber: number;
  /** Half-open. */
  start: number;
  end: number;
}

/** The parts of an object, in order. */
export function* partsOf(sizeBytes: number, partSizeBytes: number): Generator<PartRange> {
  for (let start = 0, partNumber = 1; start < sizeBytes; start += partSizeBytes, partNumber += 1) {
    yield { partNumber, start, end: Math.min(start + partSizeBytes, sizeBytes) };
  }
}
