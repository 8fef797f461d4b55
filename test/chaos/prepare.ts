import { randomBytes } from 'node:crypto';
import { sha256 } from '../support/clouds.ts';
import type { ChaosCloud } from './clouds.ts';
import type { Random } from './random.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** Objects that are written at a time. */
const hands = 4;

/** A transfer as it is ordered, and what has to be at the destination afterwards. */
export interface Voyage {
  number: number;
  /** Of its keys at the source. */
  prefix: string;
  /** Of its keys at the destination. */
  arrivedPrefix: string;
  mode: 'COPY' | 'MOVE' | 'SYNC';
  conflictPolicy: 'OVERWRITE' | 'SKIP' | 'OVERWRITE_IF_DIFFERENT';
  source: ChaosCloud;
  destination: ChaosCloud;
  /** SHA-256 by key without the prefix. */
  expected: Record<string, string>;
  isPaused: boolean;
  /** When it was last seen to come further, in milliseconds since 1970. */
  movedAt: number;
}

/** Where in the destination an object arrives that is, or has arrived, under this key. */
export const arrivedKey = (key: string) => (key.startsWith('arrived/') ? key : `arrived/${key}`);

/** Every ordered pair of clouds in turn, each with itself too, each turn in an order of its own. */
export function* pairsOf(clouds: readonly ChaosCloud[], random: Random): Generator<[ChaosCloud, ChaosCloud], never> {
  const pairs = clouds.flatMap((source) =>
    clouds.map((destination): [ChaosCloud, ChaosCloud] => [source, destination]),
  );
  for (;;) yield* random.shuffled(pairs);
}

/** Writes the objects of a voyage past the product: small ones, some of a few parts' worth, and what is there already. */
export async function prepareVoyage(
  random: Random,
  number: number,
  [source, destination]: [ChaosCloud, ChaosCloud],
): Promise<Voyage> {
  const mode = random.pick(['COPY', 'COPY', 'MOVE', 'SYNC'] as const);
  const conflictPolicy = mode === 'SYNC' ? 'OVERWRITE_IF_DIFFERENT' : random.pick(['OVERWRITE', 'SKIP'] as const);
  const sizes = [
    ...Array.from({ length: random.between(60, 90) }, () => random.between(0, 20 * KiB)),
    ...Array.from({ length: 2 }, () => random.between(MiB, 3 * MiB)),
    random.between(17 * MiB, 26 * MiB),
  ];
  const isPaused = random.next() < 0.3;
  const prefix = `v${number}/`;
  const arrivedPrefix = arrivedKey(prefix);
  const expected: Record<string, string> = {};
  const writing = sizes.entries();
  const write = async () => {
    for (const [index, size] of writing) {
      const [key, body] = [`${index % 7}/${index}.bin`, randomBytes(size)];
      expected[key] = sha256(body);
      await source.plain.put(prefix + key, body);
    }
  };
  await Promise.all(Array.from({ length: hands }, write));
  const kept = ['0/0.bin', '1/1.bin', '2/2.bin', '3/3.bin', '4/4.bin'];
  for (const key of [...kept, ...(mode === 'SYNC' ? ['extra/one', 'extra/two'] : [])]) {
    const body = Buffer.from(`what was there of ${key}`);
    await destination.plain.put(arrivedPrefix + key, body);
    if (conflictPolicy === 'SKIP') expected[key] = sha256(body);
  }
  const order: Pick<Voyage, 'mode' | 'conflictPolicy' | 'source' | 'destination'> = {
    mode,
    conflictPolicy,
    source,
    destination,
  };
  return { number, prefix, arrivedPrefix, ...order, expected, isPaused, movedAt: Date.now() };
}
