import { expect } from 'vitest';
import { decodeGlobalId } from '../../api/global-id.ts';
import type { TestApi } from './api.ts';

const errors = 'userErrors { field code message remedy }';
export const create = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id name state priority startAt canPause canResume canCancel canRetryFailed
    source { id } destination { id } sourcePaths destinationPath
    progress { sequence state listingComplete objectsListed bytesListed speedBytesPerSecond etaMs } } ${errors} } }`;
/** Document of a mutation that steers a transfer. */
export const step = (name: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
    ${name}(input: $input) { transfer { id state canPause canResume canCancel canRetryFailed progress { sequence } } ${errors} } }`;

/** Input of a transfer within one account. */
export const orderWithin = (account: string, more: object = {}) => ({
  sourceAccountId: account,
  sourcePaths: ['photos/2024/'],
  destinationAccountId: account,
  destinationPath: 'archive/',
  ...more,
});

/** Sends one of these documents; the payload of its mutation. */
export async function mutate(api: TestApi, document: string, input: object, token: string) {
  const answer = await api.query(document, { input }, { token });
  expect(answer.errors).toBeUndefined();
  return Object.values(answer.data)[0] as {
    transfer: Record<string, unknown> & { id: string; progress: { sequence: string } };
    userErrors: Record<string, unknown>[];
  };
}

/** Whoever waits for a lock. */
export const waiting = (api: TestApi) => api.db.$queryRaw`
  SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

/** Ends a transfer as a worker would: three objects arrived, four failed for two reasons. */
export async function endWithFailures(api: TestApi, globalId: string): Promise<void> {
  const transferId = decodeGlobalId(globalId).id;
  await api.db.transferBatch.create({ data: { transferId, number: 0, state: 'DONE', itemCount: 7, sizeBytes: 70 } });
  await api.db.transferItem.createMany({
    data: Array.from({ length: 7 }, (_, ordinal) => ({
      transferId,
      ordinal,
      batchNumber: 0,
      sourceContainer: 'photos',
      sourceKey: `2024/${ordinal}.jpg`,
      destinationContainer: 'archive',
      destinationKey: `2024/${ordinal}.jpg`,
      sizeBytes: 10,
      attempts: 1,
      ...(ordinal < 3
        ? {
            state: 'COMPLETED' as const,
            acknowledgedBytes: 10,
            evidence: {
              source: { kind: 'provider-hash', algorithm: 'crc32c', value: '00000000' },
              destination: { kind: 'per-part-hash', algorithm: 'md5', value: null },
              verified: true,
            },
          }
        : {
            state: 'FAILED' as const,
            errorCode: ordinal === 6 ? 'NAME_NOT_ALLOWED' : 'PERMISSION_DENIED',
            errorMessage: `The cloud refused ${ordinal}.`,
          }),
    })),
  });
  await api.db.transfer.update({
    where: { id: transferId },
    data: {
      state: 'COMPLETED_WITH_ERRORS',
      startedAt: new Date(),
      finishedAt: new Date(),
      listingComplete: true,
      planCheckpoint: { remaining: [], nextOrdinal: 7, failed: [] },
      batchesListed: 1,
      batchesDone: 1,
      objectsListed: 7,
      objectsCompleted: 3,
      objectsFailed: 4,
      bytesListed: 70,
      bytesAcknowledged: 30,
      bytesVerified: 30,
      bytesAbandoned: 40,
      bytesSkipped: 5,
      bytesInFlight: 7,
      objectsVerified: 2,
      sequence: { increment: 1 },
    },
  });
}
