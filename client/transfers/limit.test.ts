import { expect, it } from 'vitest';
import { limitOf, limitProblem, limitText } from './limit.ts';

it.each([
  ['', null, null],
  [' 2 MiB ', null, '2097152'],
  ['32768', null, '32768'],
  ['fast', /^Type a size/, null],
  ['10 KB', /^Type at least 32 KiB/, '10000'],
])('a limit of %j', (text, problem, bytes) => {
  if (problem === null) expect(limitProblem(text)).toBeNull();
  else expect(limitProblem(text)).toMatch(problem);
  expect(limitOf(text)).toBe(bytes);
});

it.each(['32768', '1048576', '1000000', '123456789'])('%s is shown to type over as exactly that', (limit) => {
  expect(limitOf(limitText(limit))).toBe(limit);
});
