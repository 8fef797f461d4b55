import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runMain, say } from '../../scripts/run-main.ts';
import { runChaos } from './run.ts';

const usage = `Usage: npm run chaos -- [--seed N] [--faults N] [--minutes N] [--json FILE]

  --seed N     chooses the faults, their order and what is moved; the same one chooses the same (1)
  --faults N   how many faults have to count, 1 to 100000 (40)
  --minutes N  no fault is injected later, 1 to 1440; what is under way ends and is judged (1440)
  --json FILE  where the report goes (chaos-report.json); beside it, the product's logs when something went wrong

Says a line for every fault and every transfer. Exit code 0: all the faults counted, and nothing was lost, corrupt,
counted twice, stuck or sent again without need.`;

const isWithin = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      faults: { type: 'string', default: '40' },
      minutes: { type: 'string', default: '1440' },
      json: { type: 'string', default: 'chaos-report.json' },
      help: { type: 'boolean', default: false },
    },
  });
  const [seed, faults, minutes] = [Number(values.seed), Number(values.faults), Number(values.minutes)];
  if (values.help || !Number.isInteger(seed) || !isWithin(faults, 100_000) || !isWithin(minutes, 1_440)) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const wish = new AbortController();
  const stop = () => wish.abort(new Error('Stopped before the end.'));
  for (const name of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(name, stop);
  const keepLog = (name: string, text: string) => writeFileSync(`${values.json}.${name}.log`, text);
  const report = await runChaos({ seed, faults, injectMs: minutes * 60_000, signal: wish.signal, say, keepLog });
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  const counted = report.faults.filter(({ counts }) => counts).length;
  say(
    `Seed ${seed}: ${counted} of ${faults} faults counted (${Object.entries(report.counted)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ')}) in ${Math.round(report.injectedMs / 1_000)} s; ` +
      `${report.transfers.length} transfers, ${report.objects} objects, ${report.repeated.count} parts or objects ` +
      `(${report.repeated.bytes} bytes) sent again, longest standstill ${report.longestStandstillMs} ms, ` +
      `${Math.round(report.durationMs / 1_000)} s`,
  );
  for (const complaint of report.complaints) say(`WRONG: ${complaint}`);
  return counted === faults && report.complaints.length === 0 ? 0 : 1;
});
