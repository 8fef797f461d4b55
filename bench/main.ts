import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runMain } from '../scripts/lifecycle.ts';
import type { Bench } from './support/bench.ts';

/**
 * `npm run bench -- NAME [--quick] [--json FILE] [--only PROVIDER] [--source STORE] [--destination STORE]`, where
 * STORE is `endpoint=URL,accessKeyId=ID,secretAccessKey=KEY,bucket=NAME`. Absent stores are started by the bench. The last line
 * of output is one JSON object; the exit code is 0 when the bench ran, whether or not it met its goal.
 */
const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && entry.name !== 'main.ts')
  .map((entry) => entry.name.slice(0, -'.ts'.length))
  .toSorted();

const usage = `Usage: npm run bench -- NAME [--quick] [--json FILE] [--only PROVIDER] [--source STORE] [--destination STORE]
  NAME is one of: ${names.join(', ')}
  STORE is endpoint=URL,accessKeyId=ID,secretAccessKey=KEY,bucket=NAME`;

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
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
  if (positionals.length !== 1 || name === undefined || !names.includes(name)) {
    console.error(usage);
    return 2;
  }
  const { default: bench } = (await import(`./${name}.ts`)) as { default: Bench };
  const result = await bench({
    quick: values.quick,
    only: values.only,
    source: values.source,
    destination: values.destination,
  });
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result));
  return 0;
});
