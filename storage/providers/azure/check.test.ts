import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { type AzuriteServer, startAzurite } from '../../../emulators/azure.ts';
import { startAzureFromUrl } from '../../../emulators/azure-from-url.ts';
import { type EntraServer, startEntra } from '../../../emulators/entra.ts';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import type { StorageProvider } from '../../provider.ts';
import { openAzure } from '../azure.ts';
import type { AzureCredentials } from './access.ts';

const { signal } = new AbortController();
const application = { tenantId: 'contoso.example', clientId: 'client', clientSecret: 'secret' };
const expiresOn = new Date(4e12);
let entra: EntraServer;
let azurite: AzuriteServer;
let key: StorageSharedKeyCredential;

beforeAll(async () => {
  entra = await startEntra(application);
  azurite = await startAzureFromUrl(await startAzurite(), { entra });
  key = new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey);
});
afterAll(async () => {
  await azurite?.close();
  await entra?.close();
});

function accountSas(resourceTypes: string, permissions: string): { sasToken: string } {
  const parsed = AccountSASPermissions.parse(permissions);
  const settings = { permissions: parsed, services: 'b', resourceTypes, expiresOn };
  return { sasToken: generateAccountSASQueryParameters(settings, key).toString() };
}

const principal = () => ({ ...application, authority: entra.endpoint });
const byKey = () => ({ accountKey: azurite.accountKey });

async function start(secret: Partial<AzureCredentials>) {
  const proxy = await startFaultProxy(azurite.endpoint);
  const { accountName } = azurite;
  const credentials = { provider: 'azure', accountName, endpoint: proxy.endpoint, ...secret } as AzureCredentials;
  const provider = openAzure(credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  onTestFinished(async () => {
    await provider.close();
    await proxy.close();
  });
  const answerNext = (code: string, status = '403 Forbidden') => {
    const date = new Date().toUTCString();
    const head = `HTTP/1.1 ${status}\r\nDate: ${date}\r\nx-ms-request-id: id\r\nx-ms-error-code: ${code}\r\nContent-Type: application/xml`;
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
    return proxy.spoilNext({ kind: 'answer', response: `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}` });
  };
  const answerNextAsProxy = (status: string) => {
    // Without a Content-Type the SDK takes it for the XML that it expects.
    const body = 'no healthy upstream';
    const head = `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}`;
    return proxy.spoilNext({ kind: 'answer', response: `${head}\r\n\r\n${body}` });
  };
  return { provider, answerNext, answerNextAsProxy };
}

it.each([
  ['not for lists of containers', () => accountSas('co', 'rl')],
  ['without the permission to list', () => accountSas('sco', 'r')],
])('a SAS token %s is known to be right', async (_what, secret) => {
  const { provider } = await start(secret());
  expect(await provider.check(signal)).toMatchObject({ identity: azurite.accountName });
});

it('a SAS token whose signature is wrong is not', async () => {
  const sasToken = accountSas('co', 'rl').sasToken.replace(/sig=[^&]*/, `sig=${encodeURIComponent(btoa('wrong'))}`);
  const { provider } = await start({ sasToken });
  await expect(provider.check(signal)).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
});

const kinds = [
  ['a SAS token', () => accountSas('sco', 'rl')],
  ['a service principal', principal],
] as const;

it.each(kinds)('%s that may not list containers, but is told from a stranger, is right', async (_name, secret) => {
  for (const code of ['AuthorizationPermissionMismatch', 'AuthorizationFailure']) {
    const { provider, answerNext } = await start(secret());
    const denied = answerNext(code);
    // Where that says too little the next request is forged, and the service itself says what it thinks of it.
    expect(await provider.check(signal)).toMatchObject({ identity: azurite.accountName });
    await denied;
  }
});

it.each(kinds)('%s is not taken for right by what a firewall answers strangers as well', async (_name, secret) => {
  const { provider, answerNext } = await start(secret());
  const [first, second] = [answerNext('AuthorizationFailure'), answerNext('AuthorizationFailure')];
  const message = expect.stringContaining('firewall');
  await expect(provider.check(signal)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message });
  await Promise.all([first, second]);
});

it('trouble while it is found out whether the service knows the credentials is told as such', async () => {
  const { provider, answerNext } = await start(principal());
  const denied = answerNext('AuthorizationFailure');
  const busy = answerNext('ServerBusy', '503 Server Busy');
  await expect(provider.check(signal)).rejects.toMatchObject({ code: 'THROTTLED' });
  await Promise.all([denied, busy]);
});

it.each([
  ['through the SDK', (provider: StorageProvider) => provider.check(signal)],
  ['beside it', (provider: StorageProvider) => provider.stat({ container: 'any', key: 'any' }, signal)],
])('a clock that is set right between a request and its refusal was wrong nevertheless: %s', async (_, call) => {
  const { provider, answerNext } = await start(byKey());
  void answerNext('AuthenticationFailed');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3600_000 });
  onTestFinished(() => void vi.useRealTimers());
  const refused = expect(call(provider)).rejects.toMatchObject({ code: 'CLOCK_SKEWED' });
  // By then it is signed and on its way.
  await new Promise(setImmediate);
  vi.useRealTimers();
  await refused;
});

// "Common REST API error codes" of the Storage REST reference; the last is of a proxy.
it.each([
  ['AccountIsDisabled', /subscription/],
  ['InsufficientAccountPermissions', /subscription/],
  ['KeyBasedAuthenticationNotPermitted', /service principal/],
  ['AuthorizationProtocolMismatch', /https/],
  ['AuthorizationServiceMismatch', /Blob service/],
  ['AuthorizationSourceIPMismatch', /addresses/],
  ['Blocked', /Blocked/],
])('a denial as %s is no proof of anything', async (code, message) => {
  for (const [, secret] of kinds) {
    const { provider, answerNext } = await start(secret());
    const denied = answerNext(code);
    const expected = { code: 'PERMISSION_DENIED', message: expect.stringMatching(message) };
    await expect(provider.check(signal)).rejects.toMatchObject(expected);
    await denied;
  }
});

it('the account key may do everything: what is denied to it is a fault', async () => {
  const { provider, answerNext } = await start(byKey());
  const denied = answerNext('AuthorizationPermissionMismatch');
  await expect(provider.check(signal)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  await denied;
});

it.each([
  ['429 Too Many Requests', 'THROTTLED'],
  ['500 Internal Server Error', 'PROVIDER_UNAVAILABLE'],
  ['502 Bad Gateway', 'PROVIDER_UNAVAILABLE'],
  ['404 Not Found', 'ENDPOINT_INVALID'],
])('a proxy that answers in words with status %s is %s to what goes through the SDK', async (status, code) => {
  const { provider, answerNextAsProxy } = await start(byKey());
  const told = answerNextAsProxy(status);
  await expect(provider.check(signal)).rejects.toMatchObject({ code });
  await told;
});
