import { expect, test } from 'vitest';
import { type LimitedAccount, limitKey } from './cloud-limit.ts';

const s3 = { provider: 'S3', identity: 'AKIA1', settings: { region: 'eu-central-1' } } as const;
const compatible = { ...s3, settings: { endpoint: 'https://store.example.com', region: 'us-east-1' } } as const;
const azure = { provider: 'AZURE', identity: 'harbour', settings: {} } as const;
const keyOf = (account: LimitedAccount) => limitKey('a secret', account);

test.each<[string, LimitedAccount, LimitedAccount]>([
  ['another name of the region', compatible, { ...compatible, settings: { ...compatible.settings, region: 'auto' } }],
  ['another spelling', compatible, { ...compatible, settings: { endpoint: 'https://Store.example.com:443/' } }],
  [
    'the endpoint of a region of AWS',
    s3,
    { ...s3, settings: { ...s3.settings, endpoint: 'https://s3.eu-central-1.amazonaws.com' } },
  ],
  ['the endpoint by name', azure, { ...azure, settings: { endpoint: 'https://harbour.blob.core.windows.net' } }],
])('%s is the same limit', (_, one, other) => {
  expect(keyOf(other)).toBe(keyOf(one));
});

test.each<[string, LimitedAccount, LimitedAccount]>([
  ['key', s3, { ...s3, identity: 'AKIA2' }],
  ['region of AWS', s3, { ...s3, settings: { region: 'us-east-1' } }],
  ['store', s3, compatible],
  ['port', compatible, { ...compatible, settings: { endpoint: 'https://store.example.com:8443' } }],
  ['storage account', azure, { ...azure, identity: 'pier' }],
  [
    'cloud',
    { provider: 'GCS', identity: 'ada@example.org', settings: {} },
    { provider: 'DROPBOX', identity: 'ada@example.org', settings: {} },
  ],
])('another %s is another limit', (_, one, other) => {
  expect(keyOf(other)).not.toBe(keyOf(one));
});

test('the key tells nothing without the secret', () => {
  expect(keyOf(s3)).not.toBe(limitKey('another secret', s3));
  expect(keyOf(s3)).not.toContain('AKIA');
});
