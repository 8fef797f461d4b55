import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand, libraryPath, unpackDebian } from './debian.ts';
import { runProgram } from './program.ts';

/** Programs that tests and benches run, with the Debian packages that bring them. */
const tools = {
  chromium: { packages: ['chromium', 'fonts-liberation'], program: 'usr/lib/chromium/chromium' },
  rclone: { packages: ['rclone'], program: 'usr/bin/rclone' },
  s3cmd: { packages: ['s3cmd'], program: 'usr/bin/s3cmd' },
  // The first session of the README is pasted into a shell.
  curl: { packages: ['curl'], program: 'usr/bin/curl' },
  jq: { packages: ['jq'], program: 'usr/bin/jq' },
} as const;

export type Tool = keyof typeof tools;

export const allTools = Object.keys(tools) as Tool[];

/** Folder of the programs that were unpacked rather than installed; belongs in front of PATH. */
export const toolsDirectory = (dataDirectory: string): string => join(dataDirectory, 'bin');

/**
 * Path of a program that runs: the installed one, else Debian's, installed as root and unpacked into the data folder
 * as anyone else. Throws an Error that says what to do when it cannot be had.
 */
export async function ensureTool(tool: Tool, dataDirectory: string, say: (line: string) => void): Promise<string> {
  const wrapper = join(toolsDirectory(dataDirectory), tool);
  const found = findCommand(tool) ?? (existsSync(wrapper) ? wrapper : undefined);
  if (found) return found;
  say(`Fetching ${tool} …`);
  try {
    if (process.getuid?.() === 0) return await installTool(tool);
    await unpackTool(tool, dataDirectory, wrapper);
    return wrapper;
  } catch (cause) {
    throw new Error(
      `${tool} is needed and could not be fetched. Install it and try again.\n${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

async function installTool(tool: Tool): Promise<string> {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const patience = ['-o', 'DPkg::Lock::Timeout=300'];
  const install = [...patience, '--yes', '--no-install-recommends', 'install', ...tools[tool].packages];
  await runProgram('apt-get', install, options).catch(async () => {
    // The package lists are missing or older than the mirror.
    await runProgram('apt-get', ['update'], options);
    await runProgram('apt-get', install, options);
  });
  return findCommand(tool) ?? tool;
}

/** A small shell script starts the unpacked program with its own libraries, Python and font settings. */
async function unpackTool(tool: Tool, dataDirectory: string, wrapper: string): Promise<void> {
  const { packages, program } = tools[tool];
  const root = await unpackDebian(packages, join(dataDirectory, 'debian'));
  // Where the programs' libraries look for their data, instead of below /.
  const places = {
    PYTHONPATH: 'usr/lib/python3/dist-packages',
    FONTCONFIG_PATH: 'etc/fonts',
    MAGIC: 'usr/lib/file/magic.mgc',
  };
  const variables = [
    ['LD_LIBRARY_PATH', await libraryPath(root)],
    ['XDG_DATA_DIRS', `${join(root, 'usr/share')}:/usr/share`],
    ...Object.entries(places)
      .map(([name, place]) => [name, join(root, place)])
      .filter(([, path = '']) => existsSync(path)),
  ];
  const interpreter = join(root, 'usr/bin/python3');
  const command = [...(existsSync(interpreter) ? [interpreter] : []), join(root, program)].map(quote).join(' ');
  const assignments = variables.map(([name, value = '']) => `export ${name}=${quote(value)}\n`);
  await mkdir(toolsDirectory(dataDirectory), { recursive: true });
  await writeFile(wrapper, `#!/bin/sh\n${assignments.join('')}exec ${command} "$@"\n`, {
    mode: 0o755,
  });
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
