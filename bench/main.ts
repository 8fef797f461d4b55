import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runMain } from '../scripts/lifecycle.ts';
import { type Bench, isMet, printVerdicts } from './support/bench.ts';

/**
 * `npm run bench -- NAME` with the options of `usage`. Stores that are not given are started by the bench. The last line of
 * output is one JSON object; the exit code is 0 when the bench ran and found everything whole, whether or not it met its goal.
 */
const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && entry.name !== 'main.ts')
  .map((entry) => entry.name.slice(0, -'.ts'.length))
  .toSorted();

const usage = `Usage: npm run bench -- NAME [--quick] [--rounds N] [--json FILE] [--only PROVIDER]
                            [--server SERVER] [--source STORE] [--destination STORE]
  NAME is one of: ${names.join(', ')}
  SERVER is local (default) or radosgw, for races from S3 to S3
  STORE is endpoint=URL,accessKeyId=ID,secretAccessKey=KEY,bucket=NAME, for the same`;

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      server: { type: 'string', default: 'local' },
      json: { type: 'string' },
      only: { type: 'string' },
      source: { type: 'string' },
      destination: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [name] = positionals;
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const areRoundsWrong = rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1_000);
  const { server } = values;
  if (
    positionals.length !== 1 ||
    name === undefined ||
    !names.includes(name) ||
    areRoundsWrong ||
    (server !== 'local' && server !== 'radosgw')
  ) {
    console.error(usage);
    return 2;
  }
  const { default: bench } = (await import(`./${name}.ts`)) as { default: Bench };
  const result = await bench({
    quick: values.quick,
    rounds,
    server,
    only: values.only,
    source: values.source,
    destination: values.destination,
  });
  printVerdicts(result.verdicts);
  const told = { ...result, ok: result.verdicts.every(isMet) };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(told, null, 2)}\n`);
  console.log(JSON.stringify(told));
  return 0;
});
