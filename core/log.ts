import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/** Field names whose values never reach a log line, at any of the depths that this product logs. */
const secretNames = [
  'password',
  'secretAccessKey',
  'accessKeyId',
  'sessionToken',
  'accountKey',
  'sasToken',
  'connectionString',
  'credentials',
  'sealedCredentials',
  'authorization',
  'cookie',
  'token',
];

const redactPaths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`]);

/** A JSON-lines logger for one process; `name` is the process's role (api, worker). */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  return pino(
    { name, level, redact: { paths: redactPaths, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime },
    destination ?? pino.destination(1),
  );
}
