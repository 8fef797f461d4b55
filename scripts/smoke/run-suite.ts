import { once } from 'node:events';
import { startVitest } from 'vitest/node';
import type { Outcome, Plan } from './plan.ts';

/** Started by smoke.ts with a channel: takes a Plan, runs the suite by it, and answers with its Outcome. */
// Whoever would remove what is written is gone.
process.once('disconnect', () => process.exit(1));
const [plan] = (await once(process, 'message')) as [Plan];
const vitest = await startVitest(
  [],
  {
    run: true,
    watch: false,
    config: false,
    include: ['scripts/smoke/suite.ts'],
    // Ends with this process, whatever it is doing.
    pool: 'threads',
    reporters: ['verbose'],
    expect: { poll: { timeout: 60_000 } },
  },
  { test: { provide: { plan } } },
);
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const failed = tests.filter((test) => test.result().state !== 'passed').length;
const broken = modules.some((module) => module.state() !== 'passed') || vitest.state.getUnhandledErrors().length > 0;
const outcome: Outcome = { passed: tests.length - failed, failed: failed === 0 && broken ? 1 : failed };
process.send?.(outcome);
await vitest.close();
process.removeAllListeners('disconnect').disconnect();
