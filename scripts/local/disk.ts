import { existsSync, statfsSync } from 'node:fs';

const mebibyte = 1024 * 1024;
/** A disk with less than this is full for every practical purpose. */
const fullBelowBytes = 16 * mebibyte;

/** A folder, and what helps when its disk is full. */
export interface Place {
  directory: string;
  remedy: string;
}

/** A place and what its disk had free when it was measured. */
export interface Measured extends Place {
  freeBytes: number;
}

const freeBytes = (directory: string): number => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};
const inMebibytes = (bytes: number) => `${Math.floor(bytes / mebibyte)} MiB`;

/** Throws an Error when the place's disk has less than `bytes` free. */
export function requireDiskSpace({ directory, remedy }: Place, bytes: number): void {
  const free = freeBytes(directory);
  if (free >= bytes) return;
  throw new Error(
    `The disk of ${directory} has ${inMebibytes(free)} free; ${inMebibytes(bytes)} are needed. ${remedy}`,
  );
}

/** The place with the least space. To be asked at once when something fails: what failed tidies up soon. */
export function fullestPlace(places: readonly Place[]): Measured | undefined {
  return places
    .filter(({ directory }) => existsSync(directory))
    .map((place) => ({ ...place, freeBytes: freeBytes(place.directory) }))
    .sort((one, other) => one.freeBytes - other.freeBytes)[0];
}

/**
 * Tells a failure for what it is when a full disk lies behind it: when it says so, or when the fullest place had no
 * space left, which many a program cannot even log. Returns the error itself otherwise.
 */
export function tellFullDisk(error: unknown, fullest: Measured | undefined): unknown {
  const text = messages(error);
  const saysSo = /ENOSPC|no space left on device/i.test(text);
  if (fullest === undefined || (!saysSo && fullest.freeBytes >= fullBelowBytes)) return error;
  const { directory, freeBytes: free, remedy } = fullest;
  return new Error(`The disk of ${directory} is full (${inMebibytes(free)} free). ${remedy}\n${text}`, {
    cause: error,
  });
}

/** An error's message with those of its causes that say more. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : messages(error.cause);
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}\n${cause}`;
}
