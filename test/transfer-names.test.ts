import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SubmitTransfer } from '../queue/transfer.ts';
import { type CloudName, type CloudScene, contents, fill, sha256, startCloudScene } from './support/clouds.ts';

let all: CloudScene;

beforeAll(async () => {
  all = await startCloudScene();
}, 60_000);

afterAll(() => all?.stop());

/** Moves a folder into another one, both without their containers. Returns the transfer at its end. */
async function carry(
  [from, folder]: [CloudName, string],
  [to, place]: [CloudName, string],
  order: Pick<SubmitTransfer, 'mode' | 'options'>,
) {
  const { engine, clouds } = all;
  const { id } = await engine.submit({
    sourceAccountId: clouds[from].accountId,
    sourcePaths: [`${clouds[from].container}/${folder}`],
    destinationAccountId: clouds[to].accountId,
    destinationPath: `${clouds[to].container}/${place}`,
    ...order,
  });
  return engine.ended(id);
}

test('what is below the destination is encoded, and the mirror of a folder looks for it there', async () => {
  const { s3, dropbox } = all.clouds;
  await fill(s3, { 'mir\\ror/a\\b': Buffer.from('odd'), 'mir\\ror//c': Buffer.from('no name before it') });
  await fill(dropbox, { '100%25/mir%5Cror/extra': Buffer.from('extra'), '100%25/other': Buffer.from('other') });
  const route: Parameters<typeof carry> = [
    ['s3', 'mir\\ror/'],
    ['dropbox', '100%25/'],
    { mode: 'SYNC', options: { names: 'ENCODE', deletionLimit: { share: 1 } } },
  ];
  expect(await carry(...route)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3n, deletionsCompleted: 1n });
  expect(await contents(dropbox, '100%25/')).toEqual({
    other: sha256(Buffer.from('other')),
    'mir%5Cror/a%5Cb': sha256(Buffer.from('odd')),
    'mir%5Cror/%2Fc': sha256(Buffer.from('no name before it')),
  });
  expect(await carry(...route)).toMatchObject({ state: 'COMPLETED', deletionsCompleted: 0n });
});
