import type { DbSession, Prisma } from '../core/db.ts';
import type { Context } from './context.ts';

/** What is recorded. Values are kept for good: rename none. */
export type AuditAction =
  | 'user.sign-up'
  | 'user.sign-in'
  | 'user.sign-in-failed'
  | 'user.sign-out'
  | 'user.password-reset-requested'
  | 'user.password-reset'
  | 'account.connect'
  | 'account.test'
  | 'account.update-credentials'
  | 'account.rename'
  | 'account.disconnect'
  | 'transfer.create'
  | 'transfer.update'
  | 'transfer.approve'
  | 'transfer.pause'
  | 'transfer.resume'
  | 'transfer.cancel'
  | 'transfer.retry'
  | 'schedule.create'
  | 'schedule.update'
  | 'schedule.delete'
  | 'manifest.upload';

export interface AuditSubject {
  type: 'user' | 'cloud-account' | 'transfer' | 'transfer-schedule' | 'path-manifest';
  /** null where there is none (a failed sign-in). */
  id: string | null;
}

/** Records who did what, in the transaction that does it. `detail` holds no secrets. */
export async function audit(
  tx: Pick<DbSession, 'auditEvent'>,
  context: Context,
  action: AuditAction,
  subject: AuditSubject,
  detail: Prisma.InputJsonObject = {},
  userId: string | null = context.viewer?.id ?? null,
): Promise<void> {
  await tx.auditEvent.create({
    data: {
      userId,
      action,
      subjectType: subject.type,
      subjectId: subject.id,
      detail,
      ipAddress: context.clientAddress,
    },
  });
}
