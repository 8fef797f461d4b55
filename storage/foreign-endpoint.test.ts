import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { startDropboxServer } from '../emulators/dropbox/server.ts';
import { startGcsServer } from '../emulators/gcs/server.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { createAddressPolicy } from './address-policy.ts';
import type { Credentials } from './credentials.ts';
import { openProvider } from './registry.ts';

const keys = { accessKeyId: 'foreign', secretAccessKey: 'a secret of the tests' };
const kinds = ['s3', 'azure', 'gcs', 'dropbox'] as const;
type Kind = (typeof kinds)[number];

let servers: Record<Kind, { endpoint: string; close(): Promise<void> }>;
let accounts: Record<Kind, (endpoint: string) => Credentials>;

beforeAll(async () => {
  const [s3, azure, gcs, dropbox] = await Promise.all([
    startS3Server({ credentials: [keys], buckets: ['place'] }),
    startAzurite({ containers: ['place'] }),
    startGcsServer({ buckets: ['place'] }),
    startDropboxServer({ apps: [{ key: 'app' }], accounts: [{ id: 'ann', refreshTokens: ['grant'] }] }),
  ]);
  servers = { s3, azure, gcs, dropbox };
  const { accountName, accountKey } = azure;
  accounts = {
    s3: (endpoint) => ({ provider: 's3', endpoint, region: 'us-east-1', addressing: 'path', ...keys }),
    azure: (endpoint) => ({ provider: 'azure', endpoint, accountName, accountKey }),
    gcs: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: gcs.serviceAccountKey() }),
    dropbox: (endpoint) => ({ provider: 'dropbox', endpoint, appKey: 'app', refreshToken: 'grant' }),
  };
}, 60_000);

afterAll(async () => {
  await Promise.all(Object.values(servers ?? {}).map((server) => server.close()));
});

test.each(kinds.flatMap((kind) => kinds.filter((other) => other !== kind).map((other) => [kind, other] as const)))(
  'an account of %s at an endpoint of %s is told to check the address',
  async (kind, other) => {
    const credentials = accounts[kind](servers[other].endpoint);
    const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1/32']) });
    try {
      await expect(provider.check(AbortSignal.timeout(10_000))).rejects.toMatchObject({
        code: 'ENDPOINT_INVALID',
        message: expect.stringMatching(/address|endpoint/),
      });
    } finally {
      await provider.close();
    }
  },
);
