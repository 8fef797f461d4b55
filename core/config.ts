import { availableParallelism } from 'node:os';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** A whole number in digits; anything else is refused rather than read as some number. */
const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};
const port = wholeNumber(0, 65_535);
const urlOf = (protocol: RegExp, example: string) => z.url({ protocol, error: `must be a URL such as ${example}` });
const postgresUrl = urlOf(/^postgres(ql)?$/, 'postgresql://user:password@host:5432/database');
const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

const isAddressRange = (text: string) => ipaddr.isValidCIDR(text) || ipaddr.isValid(text);
const addressRanges = list.refine((items) => items.every(isAddressRange), {
  message: 'must be addresses or CIDR ranges, such as 10.0.0.0/8, comma separated',
});
/** Keys, ids and secrets of OAuth apps, as they go into addresses and forms. */
const appPart = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 printable characters without blanks')
  .optional();
const standIn = urlOf(/^https?$/, 'http://localhost:8080').optional();
const tierForm = /^[a-z0-9-]{1,32}(:[1-9]\d{0,5}){2}$/;
const isMetadataHost = (text: string) => {
  const url = URL.parse(`http://${text}`);
  return (
    /^[^/@?#\\]+$/.test(text) &&
    url !== null &&
    text.startsWith(url.hostname) &&
    ipaddr.isValid(url.hostname.replace(/^\[|\]$/g, ''))
  );
};
const isHost = (text: string) =>
  ipaddr.isValid(text) || (/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(text) && !/^[\d.]+$/.test(text));
const isOrigin = (text: string) =>
  /^https?:/i.test(text) && URL.canParse(text) && new URL(text).origin === text.toLowerCase().replace(/\/$/, '');

/** Limits of the users of one tier, over all workers. */
export interface Tier {
  name: string;
  /** Objects under way of all transfers of one user. */
  userObjects: number;
  /** Objects under way that are read from one account, and as many that are written to it. */
  accountObjects: number;
}

/** Tier of users for whom the operator has set none. */
export const defaultTier = 'standard';

export const isTierName = (text: string) => /^[a-z0-9-]{1,32}$/.test(text);

function parseTier(text: string): Tier {
  const [name = '', userObjects, accountObjects] = text.split(':');
  return { name, userObjects: Number(userObjects), accountObjects: Number(accountObjects) };
}

const keyForm = /^[a-z0-9-]{1,32}:[A-Za-z0-9+/]{43}=$/;
const keyMessage = 'must be <id>:<32 bytes in base64>, such as made by: npm run keys:new';

/**
 * Ids of the keys that `npm start` makes for itself begin so; production refuses them. Such a key is random, so under
 * another id nothing tells it from a key of one's own, except in `npm start` beside the data folder that it came from.
 */
export const demoKeyPrefix = 'demo';

/**
 * Every environment variable that Skyferry reads, in one place. Descriptions are printed by `npm start -- --help` and
 * kept equal to .env.example by a test. Nothing else reads process.env for settings.
 */
export const configSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('production refuses demo keys and a plain-http PUBLIC_URL, and npm start leaves the demo out'),
  DATABASE_URL: postgresUrl.describe(
    'Postgres 18 or newer. Unset: npm start runs an embedded one in DATA_DIRECTORY, as root in a folder below /var/lib that it names',
  ),
  DIRECT_DATABASE_URL: postgresUrl
    .optional()
    .describe(
      'Postgres without a pooler in between, for migrations and LISTEN. Then have the pooler set idle_in_transaction_session_timeout to 15 s. Default: DATABASE_URL',
    ),
  DATABASE_POOL_SIZE: wholeNumber(1, 200).default(10).describe('Connections per process'),
  REDIS_URL: urlOf(/^rediss?$/, 'redis://host:6379').describe(
    'Redis 6.2 or newer with maxmemory-policy noeviction. Unset: npm start runs its own',
  ),
  HOST: z
    .string()
    .refine(isHost, 'must be an IP address or a host name of this machine, such as 127.0.0.1, or 0.0.0.0 for all')
    .default('127.0.0.1')
    .describe('Address that the API listens on'),
  PORT: port.default(4000).describe('Port of app, API and playground; 0 takes a free one'),
  PUBLIC_URL: urlOf(/^https?$/, 'https://ferry.example.com')
    .optional()
    .describe('Address under which people reach the app. Default: http://localhost:PORT'),
  ALLOWED_ORIGINS: list
    .refine((items) => items.every(isOrigin), 'must be origins such as https://app.example.com, comma separated')
    .describe('Further origins (comma separated) that may call the API from a browser, beside PUBLIC_URL'),
  TRUSTED_PROXIES: addressRanges.describe(
    'Addresses or CIDR ranges (comma separated) of proxies whose X-Forwarded-For is believed. Default: none',
  ),
  SIGN_UP: z
    .enum(['open', 'closed'])
    .default('open')
    .describe('closed: only the first user, who becomes the administrator, can sign up'),
  SMTP_URL: urlOf(/^smtps?$/, 'smtps://user:password@host:465')
    .optional()
    .describe('Mail server for password resets. Unset: password reset by mail is off'),
  MAIL_FROM: z.string().default('Skyferry <skyferry@localhost>').describe('Sender of mails'),
  KEY_ENCRYPTION_KEY: z
    .string()
    .regex(keyForm, keyMessage)
    .describe('Key that seals stored cloud credentials, as <id>:<base64 of 32 bytes>. Losing it loses the credentials'),
  KEY_ENCRYPTION_KEYS_OLD: list
    .refine((keys) => keys.every((key) => keyForm.test(key)), keyMessage)
    .describe('Former keys (comma separated, same form), still used for opening'),
  AUTH_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters')
    .describe('Secret that signs sessions, at least 32 characters'),
  ALLOWED_PRIVATE_ADDRESSES: addressRanges.describe(
    'Address ranges (CIDR, comma separated) that storage endpoints may lie in although they are private or loopback',
  ),
  INGEST_PRIVATE_ADDRESSES: addressRanges.describe(
    'Address ranges (CIDR, comma separated), private or loopback, that clouds may be given URLs of storage in, to fetch objects by themselves. Default: none',
  ),
  DROPBOX_APP_KEY: appPart.describe(
    'App key of the Dropbox app that people connect their Dropbox through. Unset: Dropbox cannot be connected',
  ),
  GOOGLE_OAUTH_CLIENT_ID: appPart.describe(
    'Client id of the Google OAuth app that people connect their Google Cloud Storage through. Unset: only service account keys',
  ),
  GOOGLE_OAUTH_CLIENT_SECRET: appPart.describe('Client secret of that app'),
  ALLOW_MACHINE_IDENTITY: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true')
    .describe(
      'true: anybody signed in may connect the cloud identity of the machine that Skyferry runs on, and all that it may read',
    ),
  GCE_METADATA_HOST: z
    .string()
    .refine(isMetadataHost, 'must be an IP address, with a port if need be, such as 169.254.169.254')
    .optional()
    .describe("Metadata server that gives out the machine's identity at Google. Unset: 169.254.169.254, Google's own"),
  DROPBOX_ENDPOINT: standIn.describe('Root of a local server that stands in for Dropbox. Unset: Dropbox itself'),
  GOOGLE_ENDPOINT: standIn.describe(
    "Root of a local server that stands in for Google's sign-in and storage. Unset: Google itself",
  ),
  WORKER_COUNT: wholeNumber(1, 64)
    .default(Math.max(2, availableParallelism()))
    .describe('Worker processes that npm start runs. Default: one per core, at least 2'),
  MAX_CONCURRENT_TRANSFERS: wholeNumber(1, 1024)
    .default(8)
    .describe(
      'Batches of objects that one worker process moves at the same time, and as many more of people who have none under way',
    ),
  TIERS: list
    .refine((tiers) => tiers.every((tier) => tierForm.test(tier)), {
      message: 'must be <tier>:<objects of a user>:<objects of an account>, such as standard:256:128, comma separated',
    })
    .refine((tiers) => new Set(tiers.map((tier) => parseTier(tier).name)).size === tiers.length, {
      message: 'must name each tier once',
    })
    .transform((tiers) => tiers.map(parseTier))
    .describe(
      "Objects under way at a time, by the tier of their user (npm run tier:set; standard where none was set), as <tier>:<of all the user's transfers>:<read from, or written to, one of his accounts>, comma separated. Default: no limits",
    ),
  MEMORY_BUDGET_BYTES: wholeNumber(16 * 1024 * 1024, 1024 ** 4)
    .default(128 * 1024 * 1024)
    .describe('Bytes in flight that one worker process may hold in memory, over all its transfers'),
  PRICE_TABLE_FILE: z
    .string()
    .optional()
    .describe('File with the prices that plans are reckoned by, see docs/prices.md. Unset: worker/prices.json'),
  METRICS_PORT: port
    .optional()
    .describe(
      'Port of /livez, /readyz and /metrics of a worker; under npm start worker n takes METRICS_PORT+n-1. Unset: none',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least level logged'),
  CLIENT_DIRECTORY: z.string().default('dist/client').describe('Folder of the built client that the API serves'),
  DATA_DIRECTORY: z
    .string()
    .default('.data')
    .describe("npm start's own data: database (as root see DATABASE_URL), Redis, demo clouds, demo keys"),
});

export type Config = z.infer<typeof configSchema>;

/** The first is needed where the second is given. */
const goTogether = [
  ['GOOGLE_OAUTH_CLIENT_ID', 'GOOGLE_OAUTH_CLIENT_SECRET'],
  ['GOOGLE_OAUTH_CLIENT_SECRET', 'GOOGLE_OAUTH_CLIENT_ID'],
] as const;

/**
 * Parses the variables of `schema` out of an environment. Throws an Error that names each wrong or missing variable and
 * what it must be; values are not repeated in it, because they may be secrets. An empty variable counts as unset.
 */
export function parseEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  env: Record<string, string | undefined>,
): Readonly<z.infer<Schema>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(present);
  const problems = (result.error?.issues ?? []).map((issue) => {
    const name = String(issue.path[0]);
    return `  ${name}: ${present[name] === undefined ? 'is required' : issue.message}`;
  });
  for (const [name, other] of goTogether) {
    if (name in schema.shape && present[name] === undefined && present[other] !== undefined) {
      problems.push(`  ${name}: is required with ${other}`);
    }
  }
  if (present.NODE_ENV === 'production') {
    for (const name of ['KEY_ENCRYPTION_KEY', 'KEY_ENCRYPTION_KEYS_OLD']) {
      if (present[name]?.split(',').some((key) => key.trim().startsWith(demoKeyPrefix))) {
        problems.push(`  ${name}: must not be a demo key in production; make one with: npm run keys:new`);
      }
    }
  }
  if (result.success && problems.length === 0) return Object.freeze(result.data);
  throw new Error(`Wrong configuration:\n${problems.join('\n')}\nRun \`npm start -- --help\` for every variable.`);
}

/** Parses the whole environment; see parseEnvironment. */
export function parseConfig(env: Record<string, string | undefined>): Config {
  return parseEnvironment(configSchema, env);
}
