import { expect, test } from 'vitest';
import { assertSameStore, type StoreFacts } from './same-store.ts';

const at = (provider: StoreFacts['provider'], identity: string, settings: StoreFacts['settings'] = {}): StoreFacts => ({
  provider,
  identity,
  settings,
});
const minio = 'https://minio.example.com';

test.each([
  ['another key of S3', at('S3', 'AKIA1', { region: 'eu-west-1' }), at('S3', 'AKIA2', { region: 'eu-west-1' })],
  [
    'an address that is written otherwise',
    at('S3', 'a', { endpoint: minio, region: 'us-east-1' }),
    at('S3', 'b', { endpoint: 'https://MINIO.example.com:443/', region: 'us-east-1' }),
  ],
  [
    "Azure's own address, spelt out",
    at('AZURE', 'harbour'),
    at('AZURE', 'harbour', { endpoint: 'https://harbour.blob.core.windows.net' }),
  ],
  ['another service account and project of Google', at('GCS', 'a', { projectId: 'p' }), at('GCS', 'b')],
  ['a new grant of the same person', at('DROPBOX', 'ada@example.org'), at('DROPBOX', 'ada@example.org')],
])('%s leads to the same place', (_name, account, found) => {
  expect(() => assertSameStore(account, found, 'credentials')).not.toThrow();
});

test.each([
  ['another region', at('S3', 'a', { region: 'eu-west-1' }), at('S3', 'a', { region: 'cn-north-1' })],
  ['another endpoint', at('S3', 'a', { region: 'r' }), at('S3', 'a', { endpoint: minio, region: 'r' })],
  ['another storage account', at('AZURE', 'harbour'), at('AZURE', 'far')],
  ['a stand-in for Google', at('GCS', 'a'), at('GCS', 'a', { endpoint: 'http://127.0.0.1:1' })],
  ['another person', at('DROPBOX', 'ada@example.org'), at('DROPBOX', 'eve@example.org')],
  ['another cloud', at('S3', 'a'), at('AZURE', 'a')],
])('%s is another place', (_name, account, found) => {
  expect(() => assertSameStore(account, found, 'credentials')).toThrow(
    expect.objectContaining({ code: 'CONFLICT', field: ['credentials'] }),
  );
});
