import { describe, expect, it } from 'vitest';
import { type Choices, changedChoices, choiceRules, orderFields, plainCopy, startOf } from './choices.ts';

const choices = (changes: Partial<Choices>): Choices => ({ ...plainCopy, ...changes });

describe('orderFields', () => {
  it('says nothing of what was left empty', () => {
    const { options, ...fields } = orderFields(plainCopy);
    expect(fields).toEqual({ mode: 'COPY', priority: 'NORMAL', bandwidthLimit: null });
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

  it('reads a speed limit, and a start time only where there is one', () => {
    expect(orderFields(choices({ bandwidthLimit: ' 500 kb ' }))).toMatchObject({ bandwidthLimit: '500000' });
    expect(startOf(choices({ when: 'again', startAt: '2030-01-01T10:00' }))).toEqual({});
    expect(startOf(choices({ when: 'later', startAt: '2030-01-01T10:00Z' }))).toEqual({
      startAt: '2030-01-01T10:00:00.000Z',
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

it('minds a cron expression only where something is ordered again and again', () => {
  expect(choiceRules.cron('', choices({ when: 'now' }))).toBeNull();
  expect(choiceRules.cron('0 3 * *', choices({ when: 'again' }))).not.toBeNull();
  expect(choiceRules.cron(' 0 3  * * * ', choices({ when: 'again' }))).toBeNull();
});

it('minds the deletion limit of a mirror only', () => {
  expect(choiceRules.objects('-1', choices({ mode: 'COPY' }))).toBeNull();
  expect(choiceRules.objects('-1', choices({ mode: 'SYNC' }))).not.toBeNull();
  expect(choiceRules.share('101', choices({ mode: 'SYNC' }))).not.toBeNull();
});
