import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startGcsServer } from './server.ts';

const USAGE = `Usage: node emulators/gcs/main.ts --key-file FILE [options]

  --key-file FILE    where to write the service account key that opens the server
  --host HOST        address to listen on (127.0.0.1)
  --port PORT        port to listen on (a free one)
  --project ID       project of the buckets (skyferry-test)
  --bucket NAME      create it; may be repeated

Objects live in memory. Prints one line of JSON once it listens: {"endpoint":…,"port":…,"projectId":…}. Stops on SIGTERM
and SIGINT.`;

const { values } = parseArgs({
  options: {
    'key-file': { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    project: { type: 'string' },
    bucket: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  },
});
const keyFile = values['key-file'];
const port = values.port === undefined ? 0 : Number(values.port);

if (values.help) {
  console.log(USAGE);
} else if (!keyFile || !Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`A file for the key and a port from 0 to 65535 are needed.\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const server = await startGcsServer({
    port,
    buckets: values.bucket ?? [],
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.project === undefined ? {} : { projectId: values.project }),
  });
  writeFileSync(keyFile, server.serviceAccountKey(), { mode: 0o600 });
  const stop = () => void server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  console.log(JSON.stringify({ endpoint: server.endpoint, port: server.port, projectId: server.projectId }));
}
