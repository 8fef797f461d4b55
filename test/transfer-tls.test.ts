import { expect, test } from 'vitest';
import { trustOwnAuthority } from './support/authority.ts';
import { startCrossing } from './support/engine.ts';

const MiB = 1024 ** 2;

const { tls, authority } = await trustOwnAuthority();

test('objects of all sizes are relayed over TLS, and connections go on from part to part', async () => {
  const { engine, from, to, accounts, stop } = await startCrossing({ tls, env: { NODE_EXTRA_CA_CERTS: authority } });
  try {
    const sent: Record<string, string> = {};
    for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 200_000, MiB, 96 * MiB]) {
      sent[`${size}`] = await from.put(`all/${size}`, size);
    }
    const { id } = await engine.submit({
      ...accounts,
      sourcePaths: ['source/all/'],
      destinationPath: 'target/',
      options: { routes: ['RELAY'] },
    });
    expect(await engine.ended(id)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 7n, objectsFailed: 0n });
    expect(await to.hashes('all/')).toEqual(sent);
    // None had to be tried again.
    expect(await engine.db.transferItem.count({ where: { transferId: id, attempts: { gt: 1 } } })).toBe(0);
  } finally {
    await stop();
  }
});
