import { randomBytes } from 'node:crypto';
import type { BenchClient } from './client.ts';

const MiB = 1024 * 1024;
export const largeBytes = 256 * MiB;
const smallBytes = 4 * 1024;
/** Small objects under way at a time. */
const smallAtOnce = 32;

export const tasks = ['write-large', 'read-large', 'write-small', 'read-small'] as const;
export type Task = (typeof tasks)[number];

export interface Order {
  task: Task;
  /** Names what is written; what is read was written under it before. */
  prefix: string;
  smallObjects: number;
}

const large = randomBytes(largeBytes);
const small = randomBytes(smallBytes);

/** Does the task once. Throws unless every byte was there. */
export async function perform(client: BenchClient, { task, prefix, smallObjects }: Order): Promise<void> {
  switch (task) {
    case 'write-large':
      return client.putLarge(`${prefix}-large`, large);
    case 'read-large':
      return expectSize(await client.get(`${prefix}-large`), largeBytes);
    case 'write-small':
      return each(smallObjects, (index) => client.put(`${prefix}-${index}`, small));
    case 'read-small':
      return each(smallObjects, async (index) => expectSize(await client.get(`${prefix}-${index}`), smallBytes));
  }
}

async function each(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: smallAtOnce }, run));
}

function expectSize(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${actual} of ${expected} bytes were read`);
}
