import { describe, expect, it } from 'vitest';
import { type Choices, changedChoices, choiceRules, orderFields, plainCopy } from './choices.ts';

const choices = (changes: Partial<Choices>): Choices => ({ ...plainCopy, ...changes });

describe('orderFields', () => {
  it('says nothing of what was left empty', () => {
    const { options, ...fields } = orderFields(plainCopy);
    expect(fields).toEqual({ mode: 'COPY', priority: 'NORMAL' });
    expect(options?.filter).toEqual({ include: [], exclude: [] });
    expect(options).not.toHaveProperty('deletionLimit');
  });

  it('reads globs a line, sizes with their units, and per cent as a share', () => {
    const { options } = orderFields(
      choices({ mode: 'SYNC', include: ' *.jpg \n\n**/*.png\n', maxSize: '2 KiB', objects: '7', share: '25' }),
    );
    expect(options).toMatchObject({
      filter: { include: ['*.jpg', '**/*.png'], maxSize: '2048' },
      deletionLimit: { objects: 7, share: 0.25 },
    });
  });

  it('gives a comparison no policy', () => {
    expect(orderFields(choices({ mode: 'VERIFY' })).options).not.toHaveProperty('conflictPolicy');
  });

  it('drops what was not ticked', () => {
    const { options } = orderFields(choices({ keep: ['modifiedAt'] }));
    expect(options?.keep).toEqual({ contentType: false, userMetadata: false, modifiedAt: true, emptyFolders: false });
  });
});

it('counts what differs from what is usual in the mode', () => {
  expect(changedChoices(plainCopy)).toBe(0);
  expect(changedChoices(choices({ mode: 'SYNC', conflictPolicy: 'OVERWRITE_IF_DIFFERENT' }))).toBe(0);
  expect(changedChoices(choices({ mode: 'SYNC', conflictPolicy: 'OVERWRITE', minSize: '5', keep: [] }))).toBe(3);
});

it('minds the deletion limit of a mirror only', () => {
  expect(choiceRules.objects('-1', choices({ mode: 'COPY' }))).toBeNull();
  expect(choiceRules.objects('-1', choices({ mode: 'SYNC' }))).not.toBeNull();
  expect(choiceRules.share('101', choices({ mode: 'SYNC' }))).not.toBeNull();
});
