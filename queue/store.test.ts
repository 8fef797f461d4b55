import { expect, test } from 'vitest';
import { storeOf } from './store.ts';

type Account = Parameters<typeof storeOf>[0];
const s3 = (settings: { endpoint?: string; region?: string }, identity = 'key'): Account => ({
  provider: 'S3',
  identity,
  settings,
});
const azure = (identity: string, endpoint?: string): Account => ({
  provider: 'AZURE',
  identity,
  settings: endpoint === undefined ? {} : { endpoint },
});
const gcs = (endpoint?: string): Account => ({
  provider: 'GCS',
  identity: 'key',
  settings: endpoint === undefined ? {} : { endpoint },
});
const dropbox = (identity: string): Account => ({ provider: 'DROPBOX', identity, settings: {} });

test.each<[string, Account, Account]>([
  ['two keys of AWS', s3({ region: 'eu-central-1' }, 'one'), s3({ region: 'us-east-1' }, 'two')],
  ['AWS by its endpoint', s3({}), s3({ endpoint: 'https://s3.eu-central-1.amazonaws.com' })],
  ['AWS in China', s3({ region: 'cn-north-1' }), s3({ endpoint: 'https://s3.cn-northwest-1.amazonaws.com.cn' })],
  [
    'one endpoint, written differently',
    s3({ endpoint: 'HTTPS://Store.example/' }),
    s3({ endpoint: 'https://store.example' }),
  ],
  ['a storage account by its endpoint', azure('a'), azure('a', 'https://a.blob.core.windows.net/')],
  ['Google by its endpoint', gcs(), gcs('https://storage.googleapis.com/')],
  ['Google by the protocol of S3', gcs(), s3({ endpoint: 'https://storage.googleapis.com' })],
  ['one Dropbox, connected twice', dropbox('ann@example.org'), dropbox('ann@example.org')],
])('one store: %s', (_, one, other) => {
  expect(storeOf(one)).toBe(storeOf(other));
});

test.each<[string, Account, Account]>([
  ['AWS and AWS in China', s3({ region: 'us-east-1' }), s3({ region: 'cn-north-1' })],
  ['AWS and AWS GovCloud', s3({ region: 'us-east-1' }), s3({ endpoint: 'https://s3.us-gov-west-1.amazonaws.com' })],
  ['two ports', s3({ endpoint: 'http://h:1' }), s3({ endpoint: 'http://h:2' })],
  ['two paths', s3({ endpoint: 'http://h/a' }), s3({ endpoint: 'http://h/b' })],
  ['two storage accounts', azure('a'), azure('b')],
  ['two storage accounts at one endpoint', azure('a', 'http://h:1'), azure('b', 'http://h:1')],
  ['AWS and Google', s3({}), gcs()],
  ['AWS and Dropbox', s3({}), dropbox('ann@example.org')],
  ['two people', dropbox('ann@example.org'), dropbox('ben@example.org')],
  ['two clouds', s3({ endpoint: 'http://h' }), azure('a', 'http://h')],
])('two stores: %s', (_, one, other) => {
  expect(storeOf(one)).not.toBe(storeOf(other));
});
