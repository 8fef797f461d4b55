import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from '../../../test/support/servers.ts';
import { bothCosts, costOf, type PricedAccount, readPriceTable } from './prices.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

const shipped = readPriceTable(undefined);
const aws: PricedAccount = { provider: 'S3', identity: 'x', settings: { region: 'eu-west-1' } };
const load = (requests: object, egressBytes = 0) => ({
  requests: { read: 0, write: 0, list: 0, delete: 0, copy: 0, ...requests },
  egressBytes,
});

test('the example of the documentation is a price table', async () => {
  const [, example = ''] =
    /```json\n(.*?)```/s.exec(await readFile(new URL('../../../docs/prices.md', import.meta.url), 'utf8')) ?? [];
  const file = join(directory.path, 'example.json');
  await writeFile(file, example);
  const table = readPriceTable(file);
  const at = (settings: object) =>
    costOf(table, { provider: 'S3', identity: 'x', settings } as PricedAccount, load({ write: 1_000 }, 2 ** 30))?.total;
  expect(at({ endpoint: 'https://eu.storage.example.com' })).toBe('0.01');
  expect(at({ region: 'eu-central-1' })).toBe('0.0954');
  expect(at({ region: 'us-east-1' })).toBeUndefined();
});

test('amounts are exact, and rounded up at the sixth place', () => {
  const cost = (requests: object, bytes?: number) => costOf(shipped, aws, load(requests, bytes));
  expect(cost({ read: 1_000_000, write: 2_000, delete: 5 }, 10 * 2 ** 30)).toEqual({
    currency: 'USD',
    requests: '0.41',
    egress: '0.90',
    total: '1.31',
  });
  expect(cost({ read: 1 }, 1)).toMatchObject({ requests: '0.000001', egress: '0.000001', total: '0.000002' });
  expect(cost({})).toMatchObject({ requests: '0.00', egress: '0.00', total: '0.00' });
  expect(cost({ list: 2 ** 53 - 1 }, 2 ** 53 - 1)).toMatchObject({
    requests: '45035996273.704955',
    egress: '754974.72',
  });
});

test('prices are those of the first store that fits, by host, region and storage class', () => {
  const of = (account: PricedAccount) => costOf(shipped, account, load({ write: 1_000 }))?.requests;
  expect(of(aws)).toBe('0.005');
  expect(of({ ...aws, settings: { region: 'eu-west-1', s3: { storageClass: 'STANDARD_IA' } } })).toBe('0.01');
  expect(of({ ...aws, settings: { endpoint: 'https://s3.eu-west-1.amazonaws.com', region: 'x' } })).toBe('0.005');
  expect(of({ ...aws, settings: { endpoint: 'https://minio.example.org', region: 'x' } })).toBeUndefined();
  expect(of({ ...aws, settings: { endpoint: 'https://notamazonaws.com', region: 'x' } })).toBeUndefined();
  expect(of({ provider: 'AZURE', identity: 'mine', settings: {} })).toBe('0.005');
  expect(of({ provider: 'DROPBOX', identity: 'a@example.org', settings: {} })).toBe('0.00');
});

test('both sides together cost what they cost, and nothing is said where one is not known', () => {
  const one = costOf(shipped, aws, load({ read: 10_000 }, 2 ** 30));
  expect(bothCosts(one, one)).toMatchObject({ requests: '0.008', egress: '0.18', total: '0.188' });
  expect(bothCosts(one, null)).toBeNull();
});

test.each([
  ['nothing', undefined, 'cannot be read'],
  ['no JSON', '{', 'is not JSON'],
  [
    'a price that is a number',
    JSON.stringify({ currency: 'USD', stores: [{ provider: 'S3', egressPerGib: 0.09 }] }),
    'stores.0.egressPerGib',
  ],
  ['a member that is none', JSON.stringify({ currency: 'USD', stores: [], VAT: '0.2' }), 'Unrecognized key: "VAT"'],
  [
    'a currency that is none',
    JSON.stringify({ currency: 'dollars', stores: [] }),
    'currency: must be a code of ISO 4217',
  ],
])('a price table with %s says what is wrong and where', async (_what, content, problem) => {
  const file = join(directory.path, 'prices.json');
  if (content !== undefined) await writeFile(file, content);
  const read = () => readPriceTable(content === undefined ? join(directory.path, 'absent.json') : file);
  expect(read).toThrow(/^PRICE_TABLE_FILE: /);
  expect(read).toThrow(problem);
});
