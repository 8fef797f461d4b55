import { execFile } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeGlobalId } from '../api/global-id.ts';
import { canonicalJson } from '../api/reports/manifest.ts';
import { type SignedReceipt, thumbprint } from '../api/reports/receipt-format.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { endWith, oddKeys } from '../test/support/ended-transfer.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { temporaryDirectory } from '../test/support/servers.ts';
import { create, mutate, orderWithin } from '../test/support/transfer-orders.ts';

const run = promisify(execFile);
let api: TestApi;
let store: TestStore;
let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let receipt: string;
let report: string;
let keys: string;

beforeAll(async () => {
  [api, store, folder] = await Promise.all([startTestApi(), startStore('photos'), temporaryDirectory()]);
  const { token } = await api.signUp();
  const account = await api.connect(token, store);
  const order = orderWithin(account, { name: 'Odd "name", and 日本' });
  const { id } = (await mutate(api, create, order, token)).transfer;
  await endWith(api.db, decodeGlobalId(id).id, 700, { keys: oddKeys });
  const get = async (path: string) =>
    (await fetch(api.url + path, { headers: { authorization: `Bearer ${token}` } })).text();
  receipt = await get(`/downloads/transfers/${id}/receipt.json`);
  report = await get(`/downloads/transfers/${id}/report.jsonl`);
  keys = await get('/.well-known/skyferry-receipt-keys');
});
afterAll(async () => {
  await api.close();
  await Promise.all([store.close(), folder.remove()]);
});

async function write(files: { receipt?: string; report?: string; keys?: string } = {}): Promise<string[]> {
  const path = (name: string) => join(folder.path, name);
  await writeFile(path('receipt.json'), files.receipt ?? receipt);
  await writeFile(path('report.jsonl'), files.report ?? report);
  await writeFile(path('keys.json'), files.keys ?? keys);
  return [path('receipt.json'), path('report.jsonl')];
}
const verify = (...args: string[]) =>
  run(process.execPath, ['scripts/verify-receipt.ts', ...args], { env: { PATH: process.env.PATH } });
const offline = async (files: Parameters<typeof write>[0]) =>
  verify(...(await write(files)), '--keys', join(folder.path, 'keys.json'));

const genuine =
  /^Genuine: http:\/\/localhost:\d+ vouches for the 700 completed objects \(7000 bytes\) of the report, for its state, times and counts, signed with key [\w-]{43}\.\n$/;

test('a genuine receipt is told so, offline and with the keys of its Skyferry', async () => {
  expect((await offline({})).stdout).toMatch(genuine);
  expect((await verify(...(await write()), '--url', `${api.url}/`)).stdout).toMatch(genuine);
  // Parsed and written again by other tools, it still is.
  expect((await offline({ receipt: JSON.stringify(JSON.parse(receipt)) })).stdout).toMatch(genuine);
});

/** The receipt with other members, signed again or not. */
function forged(changes: object, key?: ReturnType<typeof generateKeyPairSync>['privateKey']): string {
  const document = JSON.parse(receipt) as SignedReceipt;
  const changed = { ...document.receipt, ...changes };
  const signature = key ? sign(null, Buffer.from(canonicalJson(changed)), key).toString('base64') : document.signature;
  return JSON.stringify({ receipt: changed, signature });
}
const lines = () => report.split('\n').slice(0, -1);
const joined = (kept: readonly string[]) => kept.map((line) => `${line}\n`).join('');
const first = () => lines().findIndex((line) => line.includes('"type":"item"'));
const mine = generateKeyPairSync('ed25519');
const myX = mine.publicKey.export({ format: 'jwk' }).x as string;
const myKey = { kty: 'OKP', crv: 'Ed25519', x: myX, kid: thumbprint(myX) };

describe('each way to fail is told apart', () => {
  test.each<[string, () => Parameters<typeof write>[0], RegExp]>([
    [
      'a changed line',
      () => ({ report: report.replace('photos/folder/99"', 'photos/folder/9x"') }),
      /^A line of the report was changed/,
    ],
    [
      'a changed hash',
      () => ({ report: report.replace('"sourceHash":"00000000"', '"sourceHash":"00000001"') }),
      /^A line of the report was changed/,
    ],
    [
      'a missing line',
      () => ({ report: joined(lines().toSpliced(first() + 3, 1)) }),
      /^1 line is missing: the receipt vouches for 700 completed objects, the report has 699/,
    ],
    [
      'an object made a failed one',
      () => ({ report: report.replace('"state":"COMPLETED","sourcePath"', '"state":"FAILED","sourcePath"') }),
      /^1 line is missing/,
    ],
    [
      'one object too many',
      () => ({
        report: joined(lines().toSpliced(-1, 0, (lines().at(-2) as string).replace('"ordinal":699', '"ordinal":700'))),
      }),
      /^1 line is too many/,
    ],
    [
      'lines in another order',
      () => ({
        report: joined(
          lines().toSpliced(
            first(),
            2,
            ...lines()
              .slice(first(), first() + 2)
              .reverse(),
          ),
        ),
      }),
      /is out of order/,
    ],
    [
      'a member that is there twice',
      () => ({ report: report.replace('"state":"COMPLETED"', '"state":"FAILED","state":"COMPLETED"') }),
      /^Line \d+ of the report was changed: it is not written as Skyferry writes it/,
    ],
    [
      'a failed object too many',
      () => ({
        report: joined(
          lines().toSpliced(-1, 0, (lines().at(-2) as string).replace(/"state":"\w+"/, '"state":"FAILED"')),
        ),
      }),
      /^The failed objects were changed: the receipt counts 0, the report has 1\./,
    ],
    ['a report that is cut off', () => ({ report: joined(lines().slice(0, -1)) }), /^The report is cut off/],
    [
      'a report that is cut off within a line',
      () => ({ report: report.slice(0, -20) }),
      /^Line \d+ of the report is not JSON/,
    ],
    ['a report that goes on behind its end', () => ({ report: report + lines()[first()] }), /goes on behind its end/],
    ['an empty report', () => ({ report: '' }), /^The report is cut off/],
    ['a report without its transfer', () => ({ report: joined(lines().slice(1)) }), /does not begin with its transfer/],
    [
      'another transfer',
      () => ({ report: report.replace(/"id":"[^"]+"/, '"id":"VHJhbnNmZXI6MQ"') }),
      /^Not the same transfer: the receipt is of \w+, the report of VHJhbnNmZXI6MQ/,
    ],
    ['another end', () => ({ report: report.replace(/"sequence":"\d+"/, '"sequence":"99"') }), /^Not the same end/],
    ...(
      [
        ['state', '"COMPLETED"', '"FAILED"'],
        ['finishedAt', '"20', '"19'],
        ['objectsListed', '', '1'],
        ['objectsFailed', '0', '1'],
        ['objectsSkipped', '0', '1'],
      ] as const
    ).map(([member, from, to]): [string, () => Parameters<typeof write>[0], RegExp] => [
      `another ${member} of the transfer`,
      () => ({ report: report.replace(`"${member}":${from}`, `"${member}":${to}`) }),
      new RegExp(`^Line 1 of the report was changed: its ${member} is .*, signed is `),
    ]),
    [
      'another total at the end',
      () => ({ report: report.replace(/"bytesCompleted":"\d+"/, '"bytesCompleted":"1"') }),
      /^Line \d+ of the report was changed: its bytesCompleted is "1", signed is "\d+"/,
    ],
    ['a changed receipt', () => ({ receipt: forged({ objectsCompleted: 699 }) }), /^The signature does not fit/],
    [
      'a changed member that nothing else reads',
      () => ({ receipt: forged({ finishedAt: null }) }),
      /^The signature does not fit/,
    ],
    [
      'a changed signature',
      () => ({ receipt: receipt.replace(/"signature": "./, '"signature": "-') }),
      /^The signature does not fit/,
    ],
    [
      'a key that is not given',
      () => ({ keys: '{"keys":[]}' }),
      /^Wrong key: the receipt is signed with key [\w-]{43}, which is not among the 0 given/,
    ],
    [
      'a receipt signed by somebody else',
      () => ({ receipt: forged({ keyId: myKey.kid }, mine.privateKey) }),
      /^Wrong key: .* not among the 1 given/,
    ],
    [
      'a key under a name that is not its own',
      () => ({
        receipt: forged({}, mine.privateKey),
        keys: JSON.stringify({ keys: [{ ...myKey, kid: JSON.parse(receipt).receipt.keyId }] }),
      }),
      /^Wrong key: what is given as [\w-]{43} is another key/,
    ],
    [
      'an unknown version',
      () => ({ receipt: forged({ receiptVersion: 2 }) }),
      /^Unknown version: the receipt has receipt version 2, this command knows 1/,
    ],
    [
      'an unknown manifest',
      () => ({ receipt: forged({ manifestVersion: 2 }) }),
      /^Unknown version: the receipt has manifest version 2/,
    ],
    ['what is no receipt', () => ({ receipt: '{}' }), /^The receipt is none/],
    ['what is no JSON', () => ({ receipt: 'x' }), /^The receipt is not JSON/],
    ['what are no keys', () => ({ keys: '[]' }), /^The keys are none/],
  ])('%s', async (_what, files, message) => {
    await expect(offline(files())).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });

  test('no keys, no files, no such address', async () => {
    const paths = await write();
    await expect(verify(...paths)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^Usage: /) });
    await expect(verify(...paths, '--kyes', 'x')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Usage: '),
    });
    await expect(verify('nowhere.json', 'nowhere.jsonl', '--keys', 'nowhere')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ENOENT.*'nowhere'\n$/),
    });
    await expect(verify(...paths, '--url', 'http://127.0.0.1:1')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('gives no keys'),
    });
  });
});

describe('the commands of docs/receipts.md', () => {
  const commands = async () => {
    const docs = await readFile('docs/receipts.md', 'utf8');
    return /## Without Skyferry\n.*?```sh\n(.*?)```/s.exec(docs)?.[1] as string;
  };
  const shell = async (files: Parameters<typeof write>[0]) => {
    await write(files);
    return run('bash', ['--norc', '-euo', 'pipefail', '-c', await commands()], { cwd: folder.path });
  };

  test('verify without Skyferry, odd names included', async () => {
    expect(await shell({})).toEqual({ stdout: 'Signature Verified Successfully\n', stderr: '' });
  });

  test.each([
    ['receipt', () => ({ receipt: forged({ objectsCompleted: 699 }) }), /Signature Verification Failure/],
    [
      'object',
      () => ({ report: report.replace('photos/folder/99"', 'photos/folder/9x"') }),
      /^Signature Verified Successfully\n1c1\n< /,
    ],
    [
      'transfer',
      () => ({ report: report.replace(/"sequence":"\d+"/, '"sequence":"99"') }),
      /^Signature Verified Successfully\n1c1\n< \[/,
    ],
  ])('notice a changed %s', async (_what, files, stdout) => {
    await expect(shell(files())).rejects.toMatchObject({ stdout: expect.stringMatching(stdout) });
  });
});
