import { expect, test } from 'vitest';
import { isOn, Writes } from './writes.ts';

const part = (connection: number, number = 1) => ({ connection, place: 'arrived/v1/x', part: `#${number}` });
const connections = isOn(new Map([['s3', new Set([1])]]));

/** A log, and what sends a part to the end on one of its connections. */
function start() {
  const writes = new Writes();
  const s3 = writes.listen('s3');
  const send = (connection: number, number?: number) => {
    s3.begun(part(connection, number));
    s3.ended(connection, 10);
  };
  return { writes, s3, send, unexcused: () => writes.takeRepeated('arrived/v1/').unexcused };
}

test('what was acknowledged before a connection is lost is not excused, whatever is lost beside it', () => {
  const { writes, send, unexcused } = start();
  send(1);
  send(2, 2);
  writes.lose(connections, Date.now() + 1)();
  send(3);
  send(3, 2);
  expect(unexcused()).toEqual(['arrived/v1/x #1', 'arrived/v1/x #2']);
});

test('what is under way on a lost connection is excused, and on no other', () => {
  const { writes, s3, send, unexcused } = start();
  s3.begun(part(1));
  s3.begun(part(2, 2));
  writes.lose(connections)();
  s3.ended(1, 10);
  s3.ended(2, 10);
  send(3);
  send(3, 2);
  expect(unexcused()).toEqual(['arrived/v1/x #2']);
});

test('one excuse is for one repetition', () => {
  const { writes, s3, send, unexcused } = start();
  s3.begun(part(1));
  writes.lose(connections)();
  s3.ended(1, 10);
  for (const connection of [2, 3]) send(connection);
  expect(unexcused()).toEqual(['arrived/v1/x #1']);
});

test('an object that arrived damaged begins again, once', () => {
  const { writes, send, unexcused } = start();
  writes.spoil('arrived/v1/x');
  for (const connection of [1, 2]) send(connection);
  expect(unexcused()).toEqual([]);
  for (const connection of [1, 2, 3]) send(connection);
  expect(unexcused()).toEqual(['arrived/v1/x #1']);
});

test('parts of one upload are told from those of another one for the same file', () => {
  const { writes, unexcused } = start();
  const dropbox = writes.listen('dropbox');
  const send = (upload: string) => {
    dropbox.begun({ connection: 1, place: upload, part: '@0' });
    dropbox.ended(1, 10);
  };
  for (const upload of ['one', 'one', 'other']) send(upload);
  for (const upload of ['one', 'other']) dropbox.named(upload, 'arrived/v1/x');
  expect(unexcused()).toEqual(['arrived/v1/x one@0']);
});
