import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Transfer, TransferItem } from '../../core/db.ts';
import type { SubmitTransfer } from '../../queue/transfer.ts';
import type { Crossing, TestStore } from './engine.ts';

/** A folder of both sides of a crossing, by its prefix, and transfers of it. `current`: the crossing and folder of now. */
export function sidesOf(current: () => Crossing & { prefix: string }) {
  const order = (wish: Partial<SubmitTransfer> = {}): Promise<Transfer> => {
    const { engine, accounts, prefix } = current();
    return engine.submit({ ...accounts, sourcePaths: [`source/${prefix}`], destinationPath: 'target/', ...wish });
  };
  const put = async (store: TestStore, name: string, body: string): Promise<void> => {
    const { prefix } = current();
    await store.client.send(
      new PutObjectCommand({ Bucket: store.bucket, Key: prefix + name, Body: Buffer.from(body) }),
    );
  };
  return {
    order,
    put,
    /** The transfer at its end. */
    run: async (wish?: Partial<SubmitTransfer>): Promise<Transfer> => current().engine.ended((await order(wish)).id),
    namesAt: async (store: TestStore): Promise<string[]> => Object.keys(await store.hashes(current().prefix)).sort(),
    /** The items of a transfer, by name. */
    async itemsOf(transferId: string): Promise<Record<string, TransferItem>> {
      const { engine, prefix } = current();
      const items = await engine.db.transferItem.findMany({ where: { transferId }, orderBy: { sourceKey: 'asc' } });
      return Object.fromEntries(items.map((item) => [item.sourceKey.slice(prefix.length), item]));
    },
    /** Both sides: the same, changed, changed in size, only here, only there. */
    async twoSides(): Promise<void> {
      const { from, to } = current();
      for (const [name, body] of Object.entries({ same: 'one', changed: 'abc', grown: 'longer', added: 'new' })) {
        await put(from, name, body);
      }
      for (const [name, body] of Object.entries({ same: 'one', changed: 'xyz', grown: 'short', extra: 'old' })) {
        await put(to, name, body);
      }
    },
  };
}
