import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AppError } from '../../../core/errors.ts';
import { WriteLane } from './lane.ts';

/** A lane whose batches end when the test says so. */
function heldLane() {
  const batches: {
    space: string;
    entries: number[];
    signal: AbortSignal;
    end(results?: (string | AppError)[]): void;
  }[] = [];
  const lane = new WriteLane<number, string>((space, entries, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<(string | AppError)[]>();
    signal.addEventListener('abort', () => reject(new AppError('CANCELLED', 'aborted')));
    batches.push({ space, entries, signal, end: (results) => resolve(results ?? entries.map(String)) });
    return promise;
  });
  return { lane, batches };
}

const never = new AbortController().signal;

it('joins the commits that wait while a batch is under way, and never sends two at once', async () => {
  const { lane, batches } = heldLane();
  const first = lane.commit('a', 1, never);
  await turn();
  const others = [2, 3, 4].map((entry) => lane.commit('a', entry, never));
  await turn();
  expect(batches.map(({ entries }) => entries)).toEqual([[1]]);
  batches[0]?.end();
  expect(await first).toBe('1');
  await turn();
  expect(batches.map(({ entries }) => entries)).toEqual([[1], [2, 3, 4]]);
  batches[1]?.end();
  expect(await Promise.all(others)).toEqual(['2', '3', '4']);
});

it('finish_batch_v2 takes a thousand entries: no batch is larger, and each is of one space', async () => {
  const { lane, batches } = heldLane();
  const commits = Array.from({ length: 1001 }, (_, index) => lane.commit('a', index, never));
  commits.push(lane.commit('b', 7, never));
  for (const expected of [1000, 1, 1]) {
    await turn();
    const batch = batches.at(-1);
    expect(batch?.entries).toHaveLength(expected);
    batch?.end();
    await turn();
  }
  expect(batches.map(({ space }) => space)).toEqual(['a', 'a', 'b']);
  expect(await Promise.all(commits)).toHaveLength(1002);
});

it('fails one commit without the others, and all when the batch fails', async () => {
  const { lane, batches } = heldLane();
  const pair = [lane.commit('a', 1, never), lane.commit('a', 2, never)];
  await turn();
  batches[0]?.end([new AppError('QUOTA_EXCEEDED', 'full'), '2']);
  expect(await Promise.allSettled(pair)).toMatchObject([{ reason: { code: 'QUOTA_EXCEEDED' } }, { value: '2' }]);
  const short = [lane.commit('a', 3, never), lane.commit('a', 4, never)];
  await turn();
  batches[1]?.end(['3']);
  expect(await Promise.allSettled(short)).toMatchObject([{ value: '3' }, { reason: { code: 'PROVIDER_UNAVAILABLE' } }]);
});

it('runs writes of other kinds between the batches, alone', async () => {
  const { lane, batches } = heldLane();
  const commit = lane.commit('a', 1, never);
  await turn();
  const { promise: until, resolve } = Promise.withResolvers<string>();
  const alone = lane.alone(() => until, never);
  const later = lane.commit('a', 2, never);
  batches[0]?.end();
  await commit;
  await turn();
  expect(batches).toHaveLength(1);
  resolve('done');
  expect(await alone).toBe('done');
  await turn();
  batches[1]?.end();
  expect(await later).toBe('2');
});

it('lets go of who cancels: not sent when it waits, and the batch given up when nobody waits for it', async () => {
  const { lane, batches } = heldLane();
  const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()];
  const sent = [lane.commit('a', 1, one.signal), lane.commit('a', 2, two.signal)];
  await turn();
  const waiting = lane.commit('a', 3, three.signal);
  three.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
  one.abort();
  await expect(sent[0]).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(batches[0]?.signal.aborted).toBe(false);
  two.abort();
  await expect(sent[1]).rejects.toMatchObject({ code: 'CANCELLED' });
  await turn();
  expect(batches[0]?.signal.aborted).toBe(true);
  expect(batches).toHaveLength(1);
  const next = lane.commit('a', 4, never);
  await turn();
  batches[1]?.end();
  expect(await next).toBe('4');
});
