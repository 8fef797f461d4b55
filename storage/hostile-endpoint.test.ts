import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { startDropboxServer } from '../emulators/dropbox/server.ts';
import { startGcsServer } from '../emulators/gcs/server.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { createAddressPolicy } from './address-policy.ts';
import type { Credentials } from './credentials.ts';
import type { StorageProvider } from './provider.ts';
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

/** An account of one kind of cloud at an endpoint; closed at the end of the test. */
function open(kind: Kind, endpoint: string): StorageProvider {
  const provider = openProvider(accounts[kind](endpoint), { addressPolicy: createAddressPolicy(['127.0.0.1/32']) });
  onTestFinished(() => provider.close());
  return provider;
}

test.each(kinds.flatMap((kind) => kinds.filter((other) => other !== kind).map((other) => [kind, other] as const)))(
  'an account of %s at an endpoint of %s is told to check the address',
  async (kind, other) => {
    const checking = open(kind, servers[other].endpoint).check(AbortSignal.timeout(10_000));
    const message = expect.stringMatching(/address|endpoint/);
    await expect(checking).rejects.toMatchObject({ code: 'ENDPOINT_INVALID', message });
  },
);

/** What lists one container of a name, as the cloud would write it. */
const listings = {
  s3: (name: string) =>
    `<?xml version="1.0"?><ListAllMyBucketsResult><Buckets><Bucket><Name>${name}</Name></Bucket></Buckets></ListAllMyBucketsResult>`,
  azure: (name: string) =>
    `<?xml version="1.0"?><EnumerationResults><Containers><Container><Name>${name}</Name></Container></Containers><NextMarker /></EnumerationResults>`,
  gcs: (name: string) => JSON.stringify({ kind: 'storage#buckets', items: [{ id: name, name }] }),
};

async function startListing(kind: keyof typeof listings, name: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', kind === 'gcs' ? 'application/json' : 'application/xml');
    response.setHeader('x-ms-request-id', '1');
    response.end(listings[kind](name));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(['s3', 'azure', 'gcs'] as const)('a listing of containers by an endpoint of %s', (kind) => {
  const list = async (name: string) =>
    open(kind, await startListing(kind, name)).listContainers({}, AbortSignal.timeout(10_000));

  test('tells the names', async () => {
    expect((await list('Odd_but.harmless')).items.map(({ name }) => name)).toEqual(['Odd_but.harmless']);
  });

  test.each(['../x', '..', 'a/b', 'a\\b', 'a\u202eb', ''])('is refused for the name %j', async (name) => {
    await expect(list(name)).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
  });
});
