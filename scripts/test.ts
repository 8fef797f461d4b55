import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { check } from './check.ts';
import { runMain } from './lifecycle.ts';
import { prepareRedis } from './local/redis.ts';
import { allTools, ensureTool, toolsDirectory } from './local/tools.ts';
import { makeDataDirectory } from './settings.ts';

interface Outcome {
  passed: number;
  failed: number;
}

/** Runs vitest with its own live report and counts from its machine-readable one. */
async function runVitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-report-'));
  const file = join(directory, 'report.json');
  try {
    const child = spawn(
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile=${file}`,
        ...args,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'], env },
    );
    const stop = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    process.once('disconnect', () => child.kill('SIGTERM'));
    const [code] = await once(child, 'close');
    return await countTests(file, code as number | null);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A file that could not be loaded, or an error outside of every test, is a failure without a failed test. */
async function countTests(file: string, code: number | null): Promise<Outcome> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: 1 };
  const report = JSON.parse(text) as {
    numPassedTests: number;
    numFailedTests: number;
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const brokenFiles = report.testResults.filter(
    (result) => result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

/** With arguments: only those tests, as vitest takes them. Without: everything, checks first. */
await runMain(async () => {
  const args = process.argv.slice(2);
  const { DATA_DIRECTORY, REDIS_URL } = parseEnvironment(
    configSchema.pick({ DATA_DIRECTORY: true, REDIS_URL: true }).partial({ REDIS_URL: true }),
    process.env,
  );
  const dataDirectory = makeDataDirectory(DATA_DIRECTORY);
  if (REDIS_URL === undefined) await prepareRedis(dataDirectory);
  for (const tool of allTools) {
    await ensureTool(tool, dataDirectory, (line) => console.log(line));
  }
  const env = { ...process.env, PATH: `${process.env.PATH}${delimiter}${toolsDirectory(dataDirectory)}` };
  if (args.length > 0) return (await runVitest(args, env)).failed === 0 ? 0 : 1;

  console.log('Checks:');
  const checks = await check();
  console.log('Tests:');
  const tests = await runVitest([], env);
  console.log(`Checks: ${checks.passed} passed, ${checks.failed} failed`);
  console.log(`Tests:  ${tests.passed} passed, ${tests.failed} failed`);
  console.log(`${checks.passed + tests.passed} passed, ${checks.failed + tests.failed} failed`);
  return checks.failed + tests.failed === 0 ? 0 : 1;
});
