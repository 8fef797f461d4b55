import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface Stage {
  name: string;
  /** Instructions in their order, continued lines joined: `COPY`, `core core`. */
  instructions: { name: string; rest: string }[];
}

export function readStages(path: string): Stage[] {
  const lines = readFileSync(path, 'utf8').replaceAll('\\\n', ' ').split('\n');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    if (name === 'FROM') stages.push({ name: rest.split(' AS ')[1] ?? '', instructions: [] });
    else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

/** What a stage's image sets in the environment. */
export function stageEnvironment({ instructions }: Stage): Record<string, string> {
  const settings = instructions.filter(({ name }) => name === 'ENV').flatMap(({ rest }) => rest.split(/ +/));
  return Object.fromEntries(settings.map((setting) => setting.split('=') as [string, string]));
}

/**
 * Lays out in `directory` what a stage's working directory holds: exactly what it copies, from the repository or from
 * what other stages made of it, which must be there. Packages are links; those of the stage `packages` are the ones for
 * production, as the lock file tells them apart.
 */
export async function layOutImage({ instructions }: Stage, directory: string): Promise<void> {
  for (const { name, rest } of instructions) {
    if (name !== 'COPY') continue;
    const [, from, list = ''] = /^(?:--from=(\w+) )?(.*)$/.exec(rest) ?? [];
    const paths = list.split(/ +/);
    const target = paths.pop() as string;
    for (const path of paths) {
      const source = path.replace(/^\/app\//, '');
      const isFolderOfMany = target.endsWith('/');
      const into = join(directory, isFolderOfMany ? join(target, source.split('/').at(-1) as string) : target);
      await mkdir(dirname(into), { recursive: true });
      if (source === 'node_modules') await linkPackages(into, from === 'packages');
      else await cp(source, into, { recursive: true });
    }
  }
}

/** Links instead of copies: Node resolves what a package imports from where it really lies. */
async function linkPackages(into: string, production: boolean): Promise<void> {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { dev?: boolean }> };
  const names = (await readdir('node_modules')).filter((name) => !name.startsWith('.'));
  const scoped = await Promise.all(
    names.map(async (name) =>
      name.startsWith('@') ? (await readdir(`node_modules/${name}`)).map((own) => `${name}/${own}`) : [name],
    ),
  );
  for (const name of scoped.flat()) {
    const locked = lock.packages[`node_modules/${name}`];
    if (locked === undefined || (production && locked.dev)) continue;
    await mkdir(dirname(join(into, name)), { recursive: true });
    await symlink(resolve('node_modules', name), join(into, name));
  }
}
