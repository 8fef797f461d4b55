import type { Db, Prisma } from '../../core/db.ts';
import { scheduledOrderSchema } from '../../queue/schedule.ts';

/** Makes a schedule of the user from and to the one account, for every night unless `data` says otherwise. Its id. */
export async function createSchedule(
  db: Db,
  { userId, accountId }: { userId: string; accountId: string },
  data: Partial<Prisma.TransferScheduleUncheckedCreateInput> = {},
): Promise<string> {
  const order = scheduledOrderSchema.parse({
    ...{ sourcePaths: ['from/a/'], destinationPath: 'to/', mode: 'COPY', options: {}, priority: 'NORMAL' },
  });
  const { id } = await db.transferSchedule.create({
    data: {
      ...{ userId, sourceAccountId: accountId, destinationAccountId: accountId },
      ...{ name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC', nextRunAt: new Date(Date.now() + 3_600_000) },
      order: order as unknown as Prisma.InputJsonObject,
      ...data,
    },
  });
  return id;
}
