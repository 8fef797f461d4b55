import { statfs } from 'node:fs/promises';

const mebibyte = 1024 * 1024;
/** A disk with less than this is full for every practical purpose. */
const fullBelowBytes = 4 * mebibyte;

/** A folder, and what helps when its disk is full. */
export interface Place {
  directory: string;
  remedy: string;
}

const freeBytes = async (directory: string): Promise<number> => {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
};
const inMebibytes = (bytes: number) => `${Math.floor(bytes / mebibyte)} MiB`;

/** Throws an Error when the place's disk has less than `bytes` free. */
export async function requireDiskSpace({ directory, remedy }: Place, bytes: number): Promise<void> {
  const free = await freeBytes(directory);
  if (free >= bytes) return;
  throw new Error(
    `The disk of ${directory} has ${inMebibytes(free)} free; ${inMebibytes(bytes)} are needed. ${remedy}`,
  );
}

/**
 * Tells a failure for what it is when a full disk lies behind it: when it says so, or when one of the places has no
 * space left, which many a program cannot even log. Returns the error itself otherwise.
 */
export async function tellFullDisk(error: unknown, places: readonly Place[]): Promise<unknown> {
  const measured = await Promise.all(
    places.map(async (place) => ({ ...place, free: await freeBytes(place.directory).catch(() => Infinity) })),
  );
  const [fullest] = measured.sort((one, other) => one.free - other.free);
  const text = messages(error);
  const saysSo = /ENOSPC|no space left on device/i.test(text);
  if (fullest === undefined || (!saysSo && fullest.free >= fullBelowBytes)) return error;
  return new Error(
    `The disk of ${fullest.directory} is full (${inMebibytes(fullest.free)} free). ${fullest.remedy}\n${text}`,
    { cause: error },
  );
}

/** An error's message with those of its causes that say more. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : messages(error.cause);
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}\n${cause}`;
}
