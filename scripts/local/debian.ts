import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { runProgram } from './program.ts';

/** Path of a command on PATH or in the system's folders, or undefined. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin', '/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Fetches Debian packages with those of their dependencies that the system lacks, and unpacks them below `directory`
 * without installing anything: no root, no service, no change to the system. Returns the folder that then holds
 * `usr/bin` and the rest. Idempotent. Throws an Error that says what to do where there is no apt or no network.
 */
export async function unpackDebian(
  packages: readonly string[],
  directory: string,
  signal?: AbortSignal,
): Promise<string> {
  // apt takes a relative folder for one below its own.
  const target = resolve(directory, packages.join('+'));
  if (existsSync(target)) return target;
  if (!findCommand('apt-get') || !findCommand('dpkg-deb')) {
    throw new Error(`This system has no apt-get to fetch ${packages.join(', ')} with.`);
  }
  const partial = `${target}.partial-${process.pid}`;
  const archives = join(partial, 'archives');
  const root = join(partial, 'root');
  try {
    await mkdir(join(archives, 'partial'), { recursive: true });
    await mkdir(root, { recursive: true });
    await download(packages, partial, archives, signal);
    const files = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
    if (files.length === 0) throw new Error(`apt-get fetched no package for ${packages.join(', ')}.`);
    for (const file of files) {
      await runProgram('dpkg-deb', ['--extract', join(archives, file), root], { signal });
    }
    // Another process may have been faster.
    await rename(root, target).catch((error) => {
      if (!existsSync(target)) throw error;
    });
    return target;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function download(
  packages: readonly string[],
  state: string,
  archives: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = [
    ...['-o', 'Debug::NoLocking=1', '-o', `Dir::Cache::archives=${archives}/`, '-o', 'APT::Sandbox::User='],
    ...['-o', `Dir::Cache::pkgcache=${state}/pkgcache.bin`, '-o', `Dir::Cache::srcpkgcache=${state}/srcpkgcache.bin`],
  ];
  const install = ['--download-only', '--yes', '--no-install-recommends', 'install', ...packages];
  const lists = join(state, 'lists');
  const ownLists = [...options, '-o', `Dir::State::lists=${lists}/`];
  const apt = (args: string[]) => runProgram('apt-get', args, { signal });
  try {
    await apt([...options, ...install]);
  } catch {
    // The system's package lists are missing or older than the mirror: fetch lists of our own.
    try {
      await mkdir(join(lists, 'partial'), { recursive: true });
      await apt([...ownLists, 'update']);
      await apt([...ownLists, ...install]);
    } catch (cause) {
      signal?.throwIfAborted();
      const detail = (cause as Error).message.split('\n').slice(-3).join('\n');
      throw new Error(
        `${packages.join(', ')} could not be fetched from Debian's mirror. Is there a network?\n${detail}`,
        { cause },
      );
    }
  }
}

/** Folders of shared libraries in an unpacked package, for LD_LIBRARY_PATH; packages may have private ones. */
export async function libraryPath(root: string): Promise<string> {
  const parents = [join(root, 'lib'), join(root, 'usr', 'lib')].filter((path) => existsSync(path));
  const files = await Promise.all(parents.map((path) => readdir(path, { recursive: true, withFileTypes: true })));
  const libraries = files.flat().filter((entry) => /^lib.+\.so(\.|$)/.test(entry.name));
  return [...new Set(libraries.map((entry) => entry.parentPath))].join(':');
}
