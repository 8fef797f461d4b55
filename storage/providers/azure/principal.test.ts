import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AzuriteServer, startAzurite } from '../../../emulators/azure.ts';
import { startAzureFromUrl } from '../../../emulators/azure-from-url.ts';
import { type EntraServer, startEntra } from '../../../emulators/entra.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { bufferedBody } from '../../digest.ts';
import type { StorageProvider } from '../../provider.ts';
import { openAzure } from '../azure.ts';
import type { AzureCredentials } from './access.ts';

const container = 'principal';
const application = { tenantId: 'contoso.example', clientId: 'client', clientSecret: 's3cret & +' };
const { signal } = new AbortController();
const opened: StorageProvider[] = [];
let entra: EntraServer;
let azurite: AzuriteServer;

beforeAll(async () => {
  entra = await startEntra(application);
  azurite = await startAzureFromUrl(await startAzurite({ containers: [container] }), {
    entra,
    hierarchicalNamespace: true,
  });
});
afterAll(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  await azurite.close();
  await entra.close();
});

function open(other: Partial<AzureCredentials> = {}): StorageProvider {
  const { endpoint, accountName } = azurite;
  const credentials = { provider: 'azure', accountName, endpoint, authority: entra.endpoint, ...application, ...other };
  const provider = openAzure(credentials as AzureCredentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  opened.push(provider);
  return provider;
}

describe('a service principal', () => {
  it('signs in once for everything that it does', async () => {
    const provider = open();
    const before = entra.requests();
    await provider.check(signal);
    const [key, copy] = ['große datei', 'copy'];
    const body = bufferedBody([Buffer.from('content')], ['md5']);
    await provider.write({ container, key, body, metadata: { user: {} } }, signal);
    const offer = await provider.offerCopy({ container, key }, signal);
    await provider.copy({ offer, container, key: copy, metadata: { user: {} } }, signal);
    expect((await buffer((await provider.read({ container, key: copy }, signal)).stream)).toString()).toBe('content');
    expect(entra.requests()).toBe(before + 1);
  });

  it('makes URLs with a key that the service gives for it (Get User Delegation Key)', async () => {
    const provider = open();
    const key = 'delegated';
    const body = bufferedBody([Buffer.from('content')], ['md5']);
    await provider.write({ container, key, body, metadata: { user: {} } }, signal);
    const { presign } = provider.capabilities;
    for (const expiresInMs of [60_000, presign?.maxExpiresMs ?? 0]) {
      const url = await provider.presign({ container, key, expiresInMs }, signal);
      expect(await (await fetch(url)).text()).toBe('content');
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    }
  });

  it('signs in again when its token is refused before its time', async () => {
    const provider = open();
    await provider.list({ container, prefix: '' }, signal);
    entra.revoke();
    await expect(provider.list({ container, prefix: '' }, signal)).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
    });
    await provider.list({ container, prefix: '' }, signal);
    entra.revoke();
    await expect(provider.listContainers({}, signal)).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    await provider.listContainers({}, signal);
  });

  it.each([
    [{ clientSecret: 'wrong' }, 'AADSTS7000215'],
    [{ clientId: 'unknown' }, 'AADSTS700016'],
    [{ tenantId: 'fabrikam.example' }, 'AADSTS90002'],
  ])('that Entra does not know, with %j, is told with its code and no secret', async (other, code) => {
    const error = await open(other)
      .check(signal)
      .catch((reason) => reason);
    expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', message: expect.stringContaining(code) });
    expect(error.message).not.toMatch(/wrong|s3cret/);
  });

  it.each([
    [429, { 'retry-after': '7' }, { code: 'THROTTLED', retryAfterMs: 7000 }],
    [503, {}, { code: 'PROVIDER_UNAVAILABLE', retry: 'backoff' }],
    [404, {}, { code: 'ENDPOINT_INVALID' }],
    [302, { location: 'http://127.0.0.1:1/' }, { code: 'ENDPOINT_INVALID' }],
  ])('meets status %i at the directory', async (status, headers, expected) => {
    entra.failNext(status, headers);
    await expect(open().list({ container, prefix: '' }, signal)).rejects.toMatchObject(expected);
  });

  it('signs in at no private address unless the operator allows it', async () => {
    const { endpoint, accountName } = azurite;
    const credentials = {
      provider: 'azure',
      accountName,
      endpoint,
      authority: entra.endpoint,
      ...application,
    } as const;
    const provider = openAzure(credentials, { addressPolicy: createAddressPolicy([]) });
    await expect(provider.list({ container, prefix: '' }, signal)).rejects.toMatchObject({
      code: 'ADDRESS_NOT_ALLOWED',
    });
    await provider.close();
  });
});

describe('a hierarchical namespace', () => {
  it('is found, and has real folders, which are made once', async () => {
    const { capabilities } = await open().check(signal);
    expect(capabilities.folders).toBe('real');
    const { endpoint, accountName } = azurite;
    const provider = openAzure(
      { provider: 'azure', accountName, endpoint, authority: entra.endpoint, ...application },
      { addressPolicy: createAddressPolicy(['127.0.0.1']), capabilities },
    );
    opened.push(provider);
    await provider.createFolder({ container, key: 'real/folder/' }, signal);
    await provider.createFolder({ container, key: 'real/folder/' }, signal);
    const { metadata, sizeBytes } = await provider.stat({ container, key: 'real/folder' }, signal);
    expect({ sizeBytes, user: metadata.user }).toEqual({ sizeBytes: 0, user: { hdi_isfolder: 'true' } });
    expect(() => provider.checkName('real/folder/')).toThrow(expect.objectContaining({ code: 'NAME_NOT_ALLOWED' }));

    const listed = async (prefix: string, folders?: true) =>
      (await provider.list({ container, prefix, folders }, signal)).items.map(({ kind, key }) => `${kind} ${key}`);
    expect(await listed('real/')).toEqual([]);
    expect(await listed('real/', true)).toEqual(['folder real/', 'folder real/folder/']);
    expect(await listed('real/folder/', true)).toEqual(['folder real/folder/']);
    expect(await listed('real/none/', true)).toEqual([]);

    const body = bufferedBody([Buffer.from('file')], ['md5']);
    await provider.write({ container, key: 'real/file', body, metadata: { user: {} } }, signal);
    const making = provider.createFolder({ container, key: 'real/file/' }, signal);
    await expect(making).rejects.toMatchObject({ code: 'CONFLICT' });

    const remove = async (...keys: string[]) => (await provider.deleteObjects({ container, keys }, signal)).failed;
    await provider.createFolder({ container, key: 'real/folder/in/' }, signal);
    expect(await remove('real/folder/', 'real/file/', 'real/none/')).toMatchObject([
      { key: 'real/folder/', code: 'CONFLICT' },
    ]);
    expect(await remove('real/folder/in/')).toEqual([]);
    expect(await listed('real/', true)).toEqual(['folder real/', 'file real/file', 'folder real/folder/']);
    expect(await remove('real/folder/')).toEqual([]);
    expect(await listed('real/', true)).toEqual(['folder real/', 'file real/file']);
  });
});
