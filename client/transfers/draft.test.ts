import { describe, expect, it } from 'vitest';
import { arrivalOf, changeDraft, destinationOf, emptyDraft } from './draft.ts';

const file = { path: 'b/a.txt', name: 'a.txt', kind: 'FILE', size: '1', modifiedAt: null } as const;

describe('changeDraft', () => {
  const picked = changeDraft(emptyDraft('one'), { kind: 'toggle', entry: file });

  it('forgets what was picked when the source becomes another account', () => {
    expect(picked.selection.size).toBe(1);
    expect(changeDraft(picked, { kind: 'account', side: 'source', accountId: 'two' }).selection.size).toBe(0);
  });

  it('keeps what was picked while walking through the tree', () => {
    expect(changeDraft(picked, { kind: 'open', side: 'source', path: 'b/c/' }).selection.size).toBe(1);
  });
});

it('goes nowhere until a container is chosen', () => {
  const draft = changeDraft(emptyDraft(null), { kind: 'folder', folder: '2026' });
  expect(destinationOf(draft)).toBe('');
  expect(destinationOf(changeDraft(draft, { kind: 'open', side: 'destination', path: 'backup/' }))).toBe(
    'backup/2026/',
  );
});

it('tells under which name things arrive', () => {
  expect(arrivalOf({ path: 'b/x/a.txt', kind: 'FILE' }, 'backup/')).toBe('backup/a.txt');
  expect(arrivalOf({ path: 'b/x/', kind: 'FOLDER' }, 'backup/')).toBe('backup/x/');
  expect(arrivalOf({ path: 'b/', kind: 'CONTAINER' }, 'backup/')).toBe('backup/');
});
