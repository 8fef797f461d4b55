import { describe, expect, it } from 'vitest';
import { type Choices, changedChoices, choiceRules, orderFields, plainCopy, startOf } from './choices.ts';

const choices = (changes: Partial<Choices>): Choices => ({ ...plainCopy, ...changes });

describe('orderFields', () => {
  it('says nothing of what was left empty', () => {
    const { options, ...fields } = orderFields(plainCopy, null);
    expect(fields).toEqual({ mode: 'COPY', priority: 'NORMAL', bandwidthLimit: null });
    expect(options?.filter).toEqual({ include: [], exclude: [] });
    expect(options).not.toHaveProperty('deletionLimit');
  });

  it('reads globs a line, sizes with their units, and per cent as a share', () => {
    const { options } = orderFields(
      choices({ mode: 'SYNC', include: ' *.jpg \n\n**/*.png\n', maxSize: '2 KiB', objects: '7', share: '25' }),
      null,
    );
    expect(options).toMatchObject({
      filter: { include: ['*.jpg', '**/*.png'], maxSize: '2048' },
      deletionLimit: { objects: 7, share: 0.25 },
    });
  });

  it('reads a speed limit, and a start time only where there is one', () => {
    expect(orderFields(choices({ bandwidthLimit: ' 500 kb ' }), null)).toMatchObject({ bandwidthLimit: '500000' });
    expect(startOf(choices({ when: 'again', startAt: '2030-01-01T10:00' }))).toEqual({});
    expect(startOf(choices({ when: 'later', startAt: '2030-01-01T10:00Z' }))).toEqual({
      startAt: '2030-01-01T10:00:00.000Z',
    });
  });

  it('reads ages, the list of paths and objects at a time', () => {
    const { options } = orderFields(choices({ olderThan: '30 days', newerThan: '2 weeks', concurrency: ' 7 ' }), 'm-1');
    expect(options).toMatchObject({
      filter: { olderThan: 'P30D', newerThan: 'P2W', manifest: 'm-1' },
      concurrency: 7,
    });
    expect(orderFields(plainCopy, null).options?.concurrency).toBeNull();
  });

  it('gives a comparison no policy', () => {
    expect(orderFields(choices({ mode: 'VERIFY' }), null).options).not.toHaveProperty('conflictPolicy');
  });

  it('drops what was not ticked', () => {
    const { options } = orderFields(choices({ keep: ['modifiedAt'] }), null);
    const none = { contentType: false, userMetadata: false, modifiedAt: false, emptyFolders: false, tags: false };
    expect(options?.keep).toEqual({ ...none, modifiedAt: true });
  });

  it('takes tags along only where they were ticked, which is not usual', () => {
    const tagged = choices({ keep: [...plainCopy.keep, 'tags'] });
    expect(orderFields(plainCopy, null).options?.keep?.tags).toBe(false);
    expect(orderFields(tagged, null).options?.keep?.tags).toBe(true);
    expect(changedChoices(tagged)).toBe(1);
  });
});

it('counts what differs from what is usual in the mode', () => {
  expect(changedChoices(plainCopy)).toBe(0);
  expect(changedChoices(choices({ mode: 'SYNC', conflictPolicy: 'OVERWRITE_IF_DIFFERENT' }))).toBe(0);
  expect(changedChoices(choices({ mode: 'SYNC', conflictPolicy: 'OVERWRITE', minSize: '5', keep: [] }))).toBe(3);
  expect(changedChoices(choices({ manifest: new File(['a/b'], 'paths.txt'), concurrency: '4' }))).toBe(2);
});

it('minds a cron expression only where something is ordered again and again', () => {
  expect(choiceRules.cron('', choices({ when: 'now' }))).toBeNull();
  expect(choiceRules.cron('0 3 * *', choices({ when: 'again' }))).not.toBeNull();
  expect(choiceRules.cron(' 0 3  * * * ', choices({ when: 'again' }))).toBeNull();
});

it.each(['0', '10001', '2.5', 'many'])('takes no %s objects at a time', (text) => {
  expect(choiceRules.concurrency(text)).not.toBeNull();
  expect(choiceRules.concurrency(' 10000 ')).toBeNull();
});

it('minds the deletion limit of a mirror only', () => {
  expect(choiceRules.objects('-1', choices({ mode: 'COPY' }))).toBeNull();
  expect(choiceRules.objects('-1', choices({ mode: 'SYNC' }))).not.toBeNull();
  expect(choiceRules.share('101', choices({ mode: 'SYNC' }))).not.toBeNull();
});
