import { toAppError } from '../../core/errors.ts';
import type { StorageProvider, UploadSession } from '../../storage/provider.ts';

/** Removals that one cloud or another puts off are tried again so often. */
const attempts = 5;
const pauseMs = 2000;

/**
 * Removes all that is below `prefix`, folders included, and drops the uploads. Idempotent. Resolves to what stayed and
 * why, a line each; never rejects.
 */
export async function cleanUp(
  provider: StorageProvider,
  containers: readonly string[],
  prefix: string,
  uploads: readonly UploadSession[],
): Promise<string[]> {
  const signal = new AbortController().signal;
  let left: string[] = [];
  for (let attempt = 1; attempt <= attempts; attempt++) {
    left = [];
    for (const upload of uploads) {
      await provider.abortUpload(upload, signal).catch((error) => {
        left.push(`the unfinished upload of ${upload.container}/${upload.key}: ${toAppError(error).message}`);
      });
    }
    for (const container of containers) {
      try {
        left.push(...(await removeBelow(provider, container, prefix, signal)));
      } catch (error) {
        left.push(`what is below ${container}/${prefix}: ${toAppError(error).message}`);
      }
    }
    if (left.length === 0) return left;
    if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return left;
}

async function removeBelow(
  provider: StorageProvider,
  container: string,
  prefix: string,
  signal: AbortSignal,
): Promise<string[]> {
  const remove = async (keys: readonly string[]) => {
    const { failed } = await provider.deleteObjects({ container, keys }, signal);
    return failed.map(({ key, message }) => `${container}/${key}: ${message}`);
  };
  const keys = await keysBelow(provider, container, prefix, signal);
  const failed = await remove(keys);
  if (failed.length > 0) return failed;
  // What was under way when the tests were stopped may have arrived meanwhile.
  const late = await keysBelow(provider, container, prefix, signal);
  if (late.length > 0) return late.map((key) => `${container}/${key}: it is still there after it was deleted.`);
  if (provider.capabilities.folders !== 'real') return [];
  const folders = await foldersBelow(provider, container, prefix, signal);
  for (const folder of [...folders.toReversed(), prefix]) {
    const failed = await remove([folder]);
    if (failed.length > 0) return failed;
  }
  return [];
}

async function keysBelow(
  provider: StorageProvider,
  container: string,
  prefix: string,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await provider.list({ container, prefix, cursor }, signal);
    keys.push(...page.items.map(({ key }) => key));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return keys;
}

/** Folders that the cloud itself knows, each before those in it. */
async function foldersBelow(
  provider: StorageProvider,
  container: string,
  prefix: string,
  signal: AbortSignal,
): Promise<string[]> {
  const folders: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await provider.list({ container, prefix, delimiter: '/', cursor }, signal);
    for (const { kind, key } of page.items) {
      if (kind === 'folder') folders.push(key, ...(await foldersBelow(provider, container, key, signal)));
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return folders;
}
