import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runProgram } from './local/program.ts';

const stampFile = 'dist/.client-stamp';

/**
 * Builds the client into dist/client unless what is there was built from the same sources. What is there is replaced
 * when the new one is complete; several builds at the same time do no harm.
 */
export async function buildClient(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const stamp = await sourceStamp();
  const built = await readFile(stampFile, 'utf8').catch(() => '');
  if (built === stamp && existsSync('dist/client/index.html')) return;
  say('Building the app …');
  const partial = resolve(`dist/.client-partial-${process.pid}`);
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--config', 'client/vite.config.ts'];
  try {
    await runProgram(process.execPath, [...vite, '--outDir', partial, '--emptyOutDir'], {
      signal,
      env: { ...process.env, NODE_ENV: 'production' },
    });
    await rm('dist/client', { recursive: true, force: true });
    await rename(partial, 'dist/client').catch((error) => {
      // Another build of the same sources was faster.
      if (!existsSync('dist/client/index.html')) throw error;
    });
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    signal.throwIfAborted();
    throw new Error(`The app could not be built:\n${(cause as Error).message}`, { cause });
  }
  await writeFile(stampFile, stamp);
}

async function sourceStamp(): Promise<string> {
  const entries = await readdir('client', { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
    .map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of [...files.sort(), 'package-lock.json']) hash.update(`${file}\0`).update(await readFile(file));
  return hash.digest('hex');
}
