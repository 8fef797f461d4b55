import { describe, expect, it } from 'vitest';
import type { Entry } from './entries.ts';
import { holderOf, type Selection, toggle, toggleAll } from './selection.ts';

const entry = (path: string): Entry => ({
  path,
  name: path,
  kind: path.endsWith('/') ? 'FOLDER' : 'FILE',
  size: null,
  modifiedAt: null,
});
const pick = (...paths: string[]): Selection => paths.map(entry).reduce(toggle, new Map() as Selection);

describe('toggle', () => {
  it('picks and lets go', () => {
    expect([...pick('b/a', 'b/c').keys()]).toEqual(['b/a', 'b/c']);
    expect([...pick('b/a', 'b/c', 'b/a').keys()]).toEqual(['b/c']);
  });

  it('takes a folder instead of what was picked inside it', () => {
    expect([...pick('b/f/x', 'b/f/g/', 'b/fx', 'b/f/').keys()]).toEqual(['b/fx', 'b/f/']);
  });

  it('picks nothing inside a picked folder', () => {
    const selection = pick('b/f/', 'b/f/x');
    expect([...selection.keys()]).toEqual(['b/f/']);
    expect(holderOf(selection, 'b/f/x')).toBe('b/f/');
    expect(holderOf(selection, 'b/f/')).toBeUndefined();
  });
});

it('picks all, then lets go of all', () => {
  const entries = ['b/a', 'b/c', 'b/d/'].map(entry);
  const all = toggleAll(pick('b/c'), entries);
  expect(new Set(all.keys())).toEqual(new Set(['b/a', 'b/c', 'b/d/']));
  expect(toggleAll(all, entries).size).toBe(0);
});
