import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

interface Step {
  name: string;
  /** Resolves to what is wrong, '' when nothing is. */
  run(): Promise<string>;
}

/** Runs a program of node_modules/.bin or Node itself; resolves to its output when it fails. */
function program(command: string, ...args: string[]): Step['run'] {
  return () =>
    new Promise((resolve) => {
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
      let output = '';
      const collect = (chunk: Buffer) => {
        output += chunk;
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) =>
        resolve(code === 0 ? '' : output.trim() || (signal ? `was ended by ${signal}` : `ended with code ${code}`)),
      );
    });
}

async function schemaIsCurrent(): Promise<string> {
  const { printedSchema } = await import('../api/print-schema.ts');
  const kept = await readFile('schema.graphql', 'utf8').catch(() => '');
  return printedSchema() === kept
    ? ''
    : 'schema.graphql is not what the API serves. Run `npm run schema:print` and commit it.';
}

/** The client's types of the API are made from schema.graphql first; they are not kept. */
async function clientTypes(): Promise<string> {
  const generated = await program('gql.tada', 'generate-output', '--tsconfig', 'client/tsconfig.json')();
  return generated === '' ? program('tsc', '--project', 'client', '--noEmit')() : generated;
}

const steps: Step[] = [
  { name: 'format and lint', run: program('biome', 'ci', '--colors=off', '.') },
  { name: 'types of the server', run: program('tsc', '--project', '.') },
  { name: 'types of the client', run: clientTypes },
  { name: 'imports', run: program(process.execPath, 'scripts/imports.ts') },
  { name: 'schema.graphql up to date', run: schemaIsCurrent },
  { name: 'migrations equal to schema.prisma', run: program('vitest', 'run', 'test/schema.test.ts') },
  { name: 'unused code and dependencies', run: program('knip', '--treat-config-hints-as-errors') },
];

/** Runs every check, two at a time, and prints each outcome. Resolves to how many passed and failed. */
export async function check(): Promise<{ passed: number; failed: number }> {
  let failed = 0;
  const queue = steps.values();
  const workOff = async () => {
    for (const step of queue) {
      const startedAt = performance.now();
      const problem = await step.run();
      if (problem === '') {
        console.log(`  ok      ${step.name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
        continue;
      }
      failed += 1;
      console.log(`  FAILED  ${step.name}\n${problem.replaceAll(/^/gm, '          ')}`);
    }
  };
  await Promise.all([workOff(), workOff()]);
  return { passed: steps.length - failed, failed };
}

if (import.meta.main) {
  const { failed } = await check();
  process.exit(failed === 0 ? 0 : 1);
}
