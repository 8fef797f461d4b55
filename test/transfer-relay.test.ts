import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crossing, startCrossing } from './support/engine.ts';

let crossing: Crossing;
let engine: Crossing['engine'];
let source: Crossing['from'];
let destination: Crossing['to'];
let accounts: Crossing['accounts'];

beforeAll(async () => {
  crossing = await startCrossing({ workers: 2 });
  ({ engine, from: source, to: destination, accounts } = crossing);
});

afterAll(() => crossing?.stop());

const MiB = 1024 * 1024;

test('a folder arrives under its own name, byte for byte, verified on both sides', async () => {
  const hardNames = [
    'plain.txt',
    '//double',
    './dot',
    '../dotdot',
    ' leading space',
    'trailing space ',
    'a+b%2Fc',
    'ünï/e\u0301',
    'e/\u00e9',
    'A',
    'a',
    'emoji 🚢',
    'control \u0001',
    'quote"<&>\'',
    'folder/',
  ];
  const sent: Record<string, string> = {};
  for (const name of hardNames) sent[name] = await source.put(`tree/${name}`, name.endsWith('/') ? 0 : 1_000);
  sent.empty = await source.put('tree/empty', 0);
  sent.middle = await source.put('tree/middle', 3 * MiB + 17);
  sent.large = await source.put('tree/large', 40 * MiB + 1);
  for (let index = 0; index < 100; index++)
    sent[`small/${index}`] = await source.put(`tree/small/${index}`, index * 100);

  const { id } = await engine.submit({ ...accounts, sourcePaths: ['source/tree/'], destinationPath: 'target/in/' });
  const row = await engine.ended(id);
  expect(row).toMatchObject({ state: 'COMPLETED', listingComplete: true, objectsFailed: 0n, bytesAbandoned: 0n });
  expect(await destination.hashes('in/tree/')).toEqual(sent);
  const count = BigInt(Object.keys(sent).length);
  expect(row).toMatchObject({ objectsListed: count, objectsCompleted: count });
  expect(row.bytesAcknowledged).toBe(row.bytesListed);
  expect(row.bytesVerified).toBe(row.bytesListed);
  expect(row.speedBytesPerSecond).toBe(0n);
});

test.each([
  ['in one request', 5 * MiB, 'PutObject'],
  ['in parts', 20 * MiB, 'UploadPart'],
] as const)(
  'what a destination has not acknowledged shows as sent, and as nothing else, %s',
  async (name, size, operation) => {
    await source.put(`flight/${name}`, size);
    const { promise: until, resolve } = Promise.withResolvers<void>();
    destination.server.faults.add({
      match: { operation, key: `flight/${name}`, count: 100 },
      action: { kind: 'hold', until },
    });
    try {
      const { id } = await engine.submit({
        ...accounts,
        sourcePaths: [`source/flight/${name}`],
        destinationPath: 'target/flight/',
      });
      const row = await engine.until(id, ({ bytesInFlight }) => bytesInFlight > 0n);
      expect(row).toMatchObject({ bytesAcknowledged: 0n, bytesVerified: 0n, objectsCompleted: 0n });
      expect(row.bytesInFlight).toBeLessThanOrEqual(BigInt(size));
      resolve();
      expect(await engine.ended(id)).toMatchObject({
        ...{ state: 'COMPLETED', objectsVerified: 1n, bytesInFlight: 0n, bytesAcknowledged: BigInt(size) },
      });
    } finally {
      resolve();
    }
  },
);
