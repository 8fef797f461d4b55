import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createKeyring, open } from '../core/secrets.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { credentialsInput, startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { createSchedule } from '../test/support/schedules.ts';

const update = `mutation ($input: UpdateAccountCredentialsInput!) { updateAccountCredentials(input: $input) {
  account { id identity status error { code } } userErrors { field code message } } }`;
const connect = `mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) {
  account { id } userErrors { field code message } } }`;
const disconnect =
  'mutation ($input: DisconnectAccountInput!) { disconnectAccount(input: $input) { account { status } } }';
const facts = `query ($id: ID!) { cloudAccount(id: $id) { projectId capabilities {
  canCopyInside canIngestFromUrl canPresign caseSensitive keepsUserMetadata keepsContentHeaders
  modificationTimePrecisionMs maxObjectBytes maxPartBytes hashes conditionalWrites conditionalSingleWrites listingOrder } } }`;
const former = { accessKeyId: 'FORMER', secretAccessKey: 'the former secret' };
const rotated = { accessKeyId: 'ROTATED', secretAccessKey: 'the rotated secret' };

let api: TestApi;
let server: Awaited<ReturnType<typeof startS3Server>>;
let other: TestStore;
let token: string;
let userId: string;
let id: string;
const at = (keys: typeof former, endpoint = server.endpoint) => ({ s3: { endpoint, addressing: 'PATH', ...keys } });

beforeAll(async () => {
  [api, server, other] = await Promise.all([
    startTestApi(),
    startS3Server({ credentials: [former, rotated], buckets: ['photos'] }),
    startStore('photos'),
  ]);
});
afterAll(async () => {
  await api.close();
  await server.close();
  await other.close();
});
beforeEach(async () => {
  ({ token, userId } = await api.signUp());
  const { data } = await api.query(connect, { input: { name: 'Photos', credentials: at(former) } }, { token });
  id = data.connectAccount.account.id;
  const { id: accountId } = await row();
  const kept = { accountId, sealedToken: new Uint8Array(1), keyId: 'test', expiresAt: new Date() };
  await api.db.accessToken.create({ data: kept });
});

const row = () => api.db.cloudAccount.findFirstOrThrow({ where: { userId }, include: { accessToken: true } });
const replace = async (credentials: object) => {
  const { data } = await api.query(update, { input: { id, credentials } }, { token });
  return data.updateAccountCredentials;
};

test('how the account uses S3 is told, so that whoever replaces its keys can repeat it', async () => {
  const kept = { storageClass: 'STANDARD_IA', serverSideEncryption: 'S3_KEYS', requesterPays: true };
  const query = `query ($id: ID!) { cloudAccount(id: $id) { s3 {
    addressing storageClass serverSideEncryption kmsKeyId requesterPays useMachineIdentity } } }`;
  const told = async () => (await api.query(query, { id }, { token })).data.cloudAccount.s3;
  const bare = { addressing: 'PATH', kmsKeyId: null, useMachineIdentity: false };
  expect(await told()).toEqual({ ...bare, storageClass: null, serverSideEncryption: null, requesterPays: false });
  const credentials = { s3: { ...at(rotated).s3, ...kept } };
  expect((await replace(credentials)).userErrors).toEqual([]);
  expect(await told()).toEqual({ ...bare, ...kept });
});

test.each([
  [{ s3: { accessKeyId: 'clé', secretAccessKey: 's' } }, 'Access key ID must be printable ASCII without blanks.'],
  [{ s3: { region: 'a b', ...former } }, 'Region must be the name of a region, such as eu-central-1.'],
  [{ s3: { endpoint: 'store', ...former } }, 'Endpoint must be an address such as https://host:port.'],
  [{ s3: { ...former, sessionToken: 'x'.repeat(9000) } }, 'Session token must have at most 8192 characters.'],
  [{ s3: { ...former, kmsKeyId: 'key' } }, 'A KMS key goes with encryption by a KMS key only.'],
  [
    { azure: { accountName: 'harbour', accountKey: 'no!' } },
    'Account key must be base64, as the Azure portal shows it.',
  ],
  [{ azure: { accountName: 'A' } }, 'Storage account must be 3 to 24 lower-case letters and digits.'],
  [{ azure: { accountKey: 'a2V5' } }, 'Storage account is missing.'],
  [{ azure: { connectionString: 'nonsense' } }, expect.stringMatching(/^This is no connection string/)],
  [{ gcs: { serviceAccountKey: '{' } }, 'Key of a service account must have at least 2 characters.'],
])('of %j it says which rule was broken, as people see the field', async (credentials, message) => {
  expect((await replace(credentials)).userErrors[0]).toMatchObject({ code: 'INVALID_INPUT', message });
});

test('with new keys the schedules go on that stopped because the former ones were refused, and no others', async () => {
  const accountId = (await row()).id;
  const create = (data: object) => createSchedule(api.db, { userId, accountId }, { nextRunAt: null, ...data });
  const stopped = await create({ enabled: false, errorCode: 'CREDENTIALS_INVALID', errorMessage: 'No.' });
  const paused = await create({ enabled: false });
  const read = (id: string) => api.db.transferSchedule.findUniqueOrThrow({ where: { id } });

  expect((await replace(at(rotated, other.server.endpoint))).userErrors).toHaveLength(1);
  expect(await read(stopped)).toMatchObject({ enabled: false });
  expect((await replace(at(rotated))).userErrors).toEqual([]);
  expect(await read(stopped)).toMatchObject({ enabled: true, errorCode: null, errorMessage: null });
  expect((await read(stopped)).nextRunAt?.getTime()).toBeGreaterThan(Date.now());
  expect(await read(paused)).toMatchObject({ enabled: false, nextRunAt: null });
});

test('new keys of the same store take the place of the former ones, sealed, and their access token goes', async () => {
  await api.db.cloudAccount.updateMany({ where: { userId }, data: { status: 'FAILING', errorCode: 'THROTTLED' } });
  const before = await row();
  expect(await replace(at(rotated))).toEqual({
    account: { id, identity: 'ROTATED', status: 'CONNECTED', error: null },
    userErrors: [],
  });
  const after = await row();
  const sealed = { keyId: after.keyId as string, bytes: after.sealedCredentials as Uint8Array };
  expect(open(createKeyring(api.config.KEY_ENCRYPTION_KEY), after.id, sealed)).toMatchObject(rotated);
  expect(after.accessToken).toBeNull();
  // Workers keep connections by it.
  expect(after.updatedAt.getTime()).toBeGreaterThan(before.updatedAt.getTime());
  const event = await api.db.auditEvent.findFirstOrThrow({ where: { userId, action: 'account.update-credentials' } });
  expect(event).toMatchObject({ subjectId: after.id, detail: { provider: 's3' } });
});

test('what the cloud refuses, another store and another kind of cloud change nothing', async () => {
  const before = await row();
  const azure = { accountName: 'account', accountKey: 'a2V5' };
  for (const [credentials, code] of [
    [at({ ...rotated, secretAccessKey: 'wrong' }), 'CREDENTIALS_INVALID'],
    [credentialsInput(other), 'CONFLICT'],
    [{ azure }, 'CONFLICT'],
  ] as const) {
    expect(await replace(credentials)).toMatchObject({
      account: null,
      userErrors: [{ field: ['input', 'credentials'], code }],
    });
  }
  expect(await row()).toEqual(before);
});

test('a disconnected account gets no new ones, and keeps no access token', async () => {
  await api.query(disconnect, { input: { id } }, { token });
  expect((await row()).accessToken).toBeNull();
  expect(await replace(at(rotated))).toMatchObject({ account: null, userErrors: [{ code: 'CONFLICT' }] });
  expect((await row()).sealedCredentials).toBeNull();
});

test('an account tells what its store can do, and nothing where that is not known', async () => {
  const known = await api.query(facts, { id }, { token });
  expect(known.data.cloudAccount).toEqual({
    projectId: null,
    capabilities: {
      canCopyInside: expect.any(Boolean),
      canIngestFromUrl: false,
      canPresign: expect.any(Boolean),
      caseSensitive: true,
      keepsUserMetadata: true,
      keepsContentHeaders: true,
      modificationTimePrecisionMs: 1,
      maxObjectBytes: expect.stringMatching(/^\d{13,}$/),
      maxPartBytes: String(5 * 1024 ** 3),
      hashes: expect.arrayContaining(['MD5']),
      conditionalWrites: true,
      conditionalSingleWrites: true,
      listingOrder: 'BYTES',
    },
  });
  await api.db.cloudAccount.updateMany({ where: { userId }, data: { capabilities: {} } });
  const unknown = await api.query(facts, { id }, { token });
  expect(unknown.data.cloudAccount.capabilities).toBeNull();
});

test.each([
  [{ serviceAccountKey: 'x'.repeat(16_385) }, ['serviceAccountKey'], 'INVALID_INPUT'],
  [{ serviceAccountKey: '{}', useMachineIdentity: true }, ['serviceAccountKey'], 'INVALID_INPUT'],
  [{ useMachineIdentity: false }, ['serviceAccountKey'], 'INVALID_INPUT'],
  [{ useMachineIdentity: true }, ['useMachineIdentity'], 'NOT_SUPPORTED'],
])('of Google’s credentials %j are refused by field', async (gcs, path, code) => {
  const { data } = await api.query(connect, { input: { name: 'G', credentials: { gcs } } }, { token });
  expect(data.connectAccount.userErrors).toMatchObject([{ field: ['input', 'credentials', 'gcs', ...path], code }]);
});

test('an account shows what its cloud asks of the credentials, however often and by whomever they are connected', async () => {
  const end = new Date(Date.now() + 600_000);
  await api.db.cloudAccount.updateMany({ where: { userId }, data: { throttledUntil: end } });
  const other = await api.signUp();
  const input = { name: 'Mine', credentials: at(former, `${server.endpoint}/`) };
  await api.query(connect, { input }, { token: other.token });
  expect(await api.db.cloudAccount.findFirst({ where: { userId: other.userId } })).toMatchObject({
    throttledUntil: end,
  });
  expect((await replace(at(rotated))).userErrors).toEqual([]);
  expect(await row()).toMatchObject({ throttledUntil: null });
  expect((await replace(at(former))).userErrors).toEqual([]);
  expect(await row()).toMatchObject({ throttledUntil: end });
});

test.each([
  [{ retryAfterSeconds: 7 }, 'Try again in 7 seconds.'],
  [{ retryAfterSeconds: 1 }, 'Try again in 1 second.'],
  [{}, 'Try again in 60 seconds.'],
])('a store that is overloaded while it is connected says for how long: %j', async (asked, wait) => {
  const { faults } = server;
  const fault = faults.add({ match: { operation: 'ListBuckets' }, action: { kind: 'slowDown', ...asked } });
  const { userErrors } = await replace(at(former));
  fault.remove();
  expect(userErrors).toMatchObject([{ code: 'THROTTLED', message: expect.stringContaining(wait) }]);
});

test.each([
  ['a test', 'mutation ($id: ID!) { testAccount(input: { id: $id }) { account { status } } }'],
  ['browsing', 'query ($id: ID!) { cloudAccount(id: $id) { entries { nodes { name } } } }'],
])('an account shows until when its cloud wants fewer requests, as %s was told', async (_, document) => {
  const match = { operation: 'ListBuckets', count: 1000 } as const;
  const fault = server.faults.add({ match, action: { kind: 'slowDown', retryAfterSeconds: 60 } });
  onTestFinished(() => fault.remove());
  await api.query(document, { id }, { token });
  expect((await row()).throttledUntil?.getTime()).toBeGreaterThan(Date.now() + 30_000);
});
