import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runMain, say } from '../run-main.ts';
import { openClouds } from './clouds.ts';
import { addressLines, fillSource, runDemo } from './demo.ts';

const usage = `Usage: node scripts/demo/main.ts --api URL --s3 URL --azure URL --data DIRECTORY --public-url URL

The demo of npm start against servers that run already, as deploy/compose.demo.yml has them: fills the S3 server with the
sample files, makes the demo user, connects both accounts, runs the first transfer and prints the evidence. Ends with 0
only if every object arrived intact. Running it again finds what it made.

  --api URL         the API, as reached from here
  --s3 URL          the S3 server, which has the bucket already, as reached from here and by API and workers
  --azure URL       the account at Azurite, likewise
  --data DIRECTORY  remembers there what it made
  --public-url URL  the app, as people reach it

Secrets come from the environment: S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, AZURE_ACCOUNT_KEY, DEMO_PASSWORD.`;

const { values } = parseArgs({
  options: {
    api: { type: 'string' },
    s3: { type: 'string' },
    azure: { type: 'string' },
    data: { type: 'string' },
    'public-url': { type: 'string' },
    help: { type: 'boolean' },
  },
});

function needed(name: string, value: string | undefined): string {
  if (value) return value;
  throw new Error(`${name} is missing.\n\n${usage}`);
}

await runMain(async () => {
  if (values.help) {
    say(usage);
    return 0;
  }
  const { env } = process;
  const settings = {
    dataDirectory: resolve(needed('--data', values.data)),
    secrets: {
      s3AccessKeyId: needed('S3_ACCESS_KEY_ID', env.S3_ACCESS_KEY_ID),
      s3SecretAccessKey: needed('S3_SECRET_ACCESS_KEY', env.S3_SECRET_ACCESS_KEY),
      azureAccountKey: needed('AZURE_ACCOUNT_KEY', env.AZURE_ACCOUNT_KEY),
      demoPassword: needed('DEMO_PASSWORD', env.DEMO_PASSWORD),
    },
  };
  const endpoint = `${needed('--api', values.api)}/graphql`;
  const publicUrl = needed('--public-url', values['public-url']);
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stopped.abort(new Error('Stopped; the transfer goes on without being watched.')));
  }
  const { signal } = stopped;
  const clouds = await openClouds(settings, {
    s3Endpoint: needed('--s3', values.s3),
    azureEndpoint: needed('--azure', values.azure),
  });
  await fillSource(clouds, say, signal);
  const intact = await runDemo({ settings, clouds, endpoint, say, signal, verify: true });
  say('');
  for (const line of addressLines(publicUrl, settings)) say(line);
  return intact ? 0 : 1;
});
