import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startS3Server } from './server.ts';

const USAGE = `Usage: node emulators/s3/main.ts [options]

  --host HOST          address to listen on (127.0.0.1)
  --port PORT          port to listen on (a free one)
  --data DIRECTORY     keep objects there (in memory otherwise)
  --access-key ID      or S3_ACCESS_KEY_ID
  --secret-key SECRET  or S3_SECRET_ACCESS_KEY, which keeps it out of the process list
  --region REGION      region that requests must be signed for (us-east-1)
  --bucket NAME        create it unless it exists; may be repeated
  --tls-certificate FILE  PEM, with --tls-key FILE: speak HTTPS

Prints one line of JSON once it listens: {"endpoint":…,"port":…,"region":…}. Stops on SIGTERM and SIGINT.`;

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    data: { type: 'string' },
    'access-key': { type: 'string' },
    'secret-key': { type: 'string' },
    region: { type: 'string' },
    bucket: { type: 'string', multiple: true },
    'tls-certificate': { type: 'string' },
    'tls-key': { type: 'string' },
    help: { type: 'boolean' },
  },
});
const accessKeyId = values['access-key'] ?? process.env.S3_ACCESS_KEY_ID;
const secretAccessKey = values['secret-key'] ?? process.env.S3_SECRET_ACCESS_KEY;
const [certificate, key] = [values['tls-certificate'], values['tls-key']];
const port = values.port === undefined ? 0 : Number(values.port);

if (values.help) {
  console.log(USAGE);
} else if ((certificate === undefined) !== (key === undefined)) {
  console.error(`A certificate needs its key, and a key its certificate.\n\n${USAGE}`);
  process.exitCode = 2;
} else if (!accessKeyId || !secretAccessKey || !Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`An access key, a secret key and a port from 0 to 65535 are needed.\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const server = await startS3Server({
    port,
    credentials: [{ accessKeyId, secretAccessKey }],
    buckets: values.bucket ?? [],
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.data === undefined ? {} : { dataDirectory: values.data }),
    ...(values.region === undefined ? {} : { region: values.region }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { tls: { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') } }),
  });
  const stop = () => void server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  console.log(JSON.stringify({ endpoint: server.endpoint, port: server.port, region: server.region }));
}
