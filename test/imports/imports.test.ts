import { expect, test } from 'vitest';
import { blindRules, importViolations } from '../../scripts/imports.ts';

test('every import rule finds the violation that is planted for it', async () => {
  expect(await blindRules()).toEqual([]);
});

test('no room imports what it may not', async () => {
  expect(await importViolations('.')).toEqual([]);
});
