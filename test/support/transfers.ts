import { randomBytes } from 'node:crypto';
import type { Db, Prisma } from '../../core/db.ts';

export interface TestUser {
  userId: string;
  accountId: string;
}

/** A user with one account, for rows that only have to be there. */
export async function createUser(db: Db): Promise<TestUser> {
  const email = `${randomBytes(6).toString('hex')}@example.org`;
  const { id: userId } = await db.user.create({ data: { email, name: 'A' } });
  const { id: accountId } = await db.cloudAccount.create({
    data: { userId, provider: 'S3', name: 'x', identity: 'x' },
  });
  return { userId, accountId };
}

/** A running transfer that is planned: so many objects of one size in each of its batches, none moved. Its id. */
export async function createTransfer(
  db: Db,
  user: TestUser,
  plan: { batches: readonly number[]; sizeBytes?: number; data?: Partial<Prisma.TransferUncheckedCreateInput> },
): Promise<string> {
  const { batches, sizeBytes = 100, data } = plan;
  const objects = batches.reduce((sum, count) => sum + count, 0);
  const { id } = await db.transfer.create({
    data: {
      userId: user.userId,
      sourceAccountId: user.accountId,
      destinationAccountId: user.accountId,
      sourcePaths: ['from/'],
      destinationPath: 'to/',
      name: 'x',
      state: 'RUNNING',
      startedAt: new Date(),
      listingComplete: true,
      objectsListed: objects,
      bytesListed: objects * sizeBytes,
      batchesListed: batches.length,
      ...data,
    },
  });
  let ordinal = 0;
  for (const [number, itemCount] of batches.entries()) {
    await db.transferItem.createMany({
      data: Array.from({ length: itemCount }, () => {
        const key = `k${ordinal}`;
        return {
          transferId: id,
          ordinal: ordinal++,
          batchNumber: number,
          sourceContainer: 'from',
          sourceKey: key,
          destinationContainer: 'to',
          destinationKey: key,
          sizeBytes,
        };
      }),
    });
    await db.transferBatch.create({ data: { transferId: id, number, itemCount, sizeBytes: itemCount * sizeBytes } });
  }
  return id;
}
