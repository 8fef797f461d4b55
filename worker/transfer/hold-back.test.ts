import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { HoldBack } from './hold-back.ts';

const chunks = [Buffer.from('one'), Buffer.from('two'), Buffer.from('three')];

async function read(stream: Readable): Promise<{ text: string; error?: unknown }> {
  let text = '';
  try {
    for await (const chunk of stream) text += chunk;
    return { text };
  } catch (error) {
    return { text, error };
  }
}

test('everything passes when the check does', async () => {
  expect(await read(new HoldBack(Readable.from(chunks), () => {}))).toEqual({ text: 'onetwothree' });
  expect(await read(new HoldBack(Readable.from([]), () => {}))).toEqual({ text: '' });
});

test('the last chunk never passes when the check throws', async () => {
  const wrong = new Error('wrong');
  const result = await read(
    new HoldBack(Readable.from(chunks), () => {
      throw wrong;
    }),
  );
  expect(result.error).toBe(wrong);
  expect(result.text).not.toContain('three');
});

test('errors of the inner stream pass, and destroying the outer one destroys it', async () => {
  const broken = new Error('broken');
  const failing = Readable.from(
    (async function* () {
      yield chunks[0];
      throw broken;
    })(),
  );
  expect((await read(new HoldBack(failing, () => {}))).error).toBe(broken);
  const inner = Readable.from(chunks);
  new HoldBack(inner, () => {}).destroy();
  expect(inner.destroyed).toBe(true);
});

test('an error that comes before anybody reads waits for the reader', async () => {
  const broken = new Error('broken');
  const inner = new Readable({ read() {} });
  const held = new HoldBack(inner, () => {});
  // An error that nobody listens to would end the process.
  inner.destroy(broken);
  await new Promise((resolve) => setImmediate(resolve));
  expect((await read(held)).error).toBe(broken);
});

test('a reader that does not read is not flooded', async () => {
  let pulled = 0;
  const endless = new Readable({
    read() {
      pulled += 1;
      this.push(Buffer.alloc(16 * 1024));
    },
  });
  const held = new HoldBack(endless, () => {});
  held.read(0);
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(pulled).toBeLessThan(20);
  held.destroy();
});
