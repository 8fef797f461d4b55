import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runMain, say } from '../../scripts/run-main.ts';
import { runChaos } from './run.ts';

const usage = `Usage: npm run chaos -- [--seed N] [--faults N] [--json FILE]

  --seed N     chooses the faults, their order and what is moved; the same one chooses the same (1)
  --faults N   how many faults, 1 to 100000 (40)
  --json FILE  where the report goes (chaos-report.json)

Says a line for every fault and every transfer. Exit code 0: nothing was lost, corrupt, counted twice or stuck.`;

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      faults: { type: 'string', default: '40' },
      json: { type: 'string', default: 'chaos-report.json' },
      help: { type: 'boolean', default: false },
    },
  });
  const [seed, faults] = [Number(values.seed), Number(values.faults)];
  if (values.help || !Number.isInteger(seed) || !Number.isInteger(faults) || faults < 1 || faults > 100_000) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const report = await runChaos({ seed, faults, say });
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  say(
    `Seed ${seed}: ${report.faults.filter(({ counts }) => counts).length} of ${faults} faults counted ` +
      `(${Object.entries(report.counted)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', ')}); ` +
      `${report.transfers.length} transfers, ${report.objects} objects, ${report.repeated.count} parts or objects ` +
      `(${report.repeated.bytes} bytes) sent again, longest standstill ${report.longestStandstillMs} ms, ` +
      `${Math.round(report.durationMs / 1_000)} s`,
  );
  for (const complaint of report.complaints) say(`WRONG: ${complaint}`);
  return report.complaints.length === 0 ? 0 : 1;
});
