import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type BodyLease, buffered } from './pair.ts';

test('a body that has come as a whole waits until its bytes may pass', async () => {
  const stream = new Readable({ read() {} });
  stream.push(Buffer.from('bytes'));
  stream.push(null);
  const { promise: admitted, resolve: release } = Promise.withResolvers<void>();
  let sentBytes = 0;
  const lease: BodyLease = {
    admit: () => admitted,
    forward: () => admitted,
    sent: (bytes) => {
      sentBytes += bytes;
    },
    release: () => {},
  };
  const body = buffered(stream, 5, [], lease);
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  expect(sentBytes).toBe(0);
  release();
  expect(Buffer.concat((await body).source as Uint8Array[]).toString()).toBe('bytes');
  expect(sentBytes).toBe(5);
});
