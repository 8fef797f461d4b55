import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { decodeGlobalId } from '../../api/global-id.ts';
import type { ChaosCloud } from './clouds.ts';
import type { Random } from './random.ts';
import type { Stack } from './stack.ts';
import type { Writes } from './writes.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A transfer as it is ordered, and what has to be at the destination afterwards. */
export interface Voyage {
  number: number;
  prefix: string;
  mode: 'COPY' | 'MOVE' | 'SYNC';
  conflictPolicy: 'OVERWRITE' | 'SKIP' | 'OVERWRITE_IF_DIFFERENT';
  destination: ChaosCloud;
  /** SHA-256 by key without the prefix. */
  expected: Record<string, string>;
  isPaused: boolean;
}

/** What came of one. */
export interface VoyageResult {
  number: number;
  mode: string;
  policy: string;
  destination: string;
  objects: number;
  /** Why objects had failed, each time that their owner asked for more tries. */
  retriedFor: string[];
  longestStandstillMs: number;
  repeated: { count: number; bytes: number };
  /** What is wrong; empty: nothing. */
  complaints: string[];
}

interface TransferRow {
  state: string;
  listed: string;
  completed: string;
  failed: string;
  skipped: string;
  acknowledged: string;
  bytes: string;
  verified: string;
  throttled: boolean;
  error: string | null;
}

/** No transfer may stand still for longer. */
const stuckMs = 60_000;
/** A worker that was stopped may wake up after so long and do harm: what is compared is what is there after that. */
export const lingerMs = 25_000;
/** An object that several faults in a row hit uses up its tries; its owner asks for more. */
const maxRetries = 20;
const pollMs = 250;
const ended = ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED'];

const create = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id } userErrors { code message } } }`;
const step = (name: 'pauseTransfer' | 'resumeTransfer') =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
    ${name}(input: $input) { transfer { state } userErrors { code message } } }`;
const retry = `mutation ($input: RetryFailedItemsInput!) {
  retryFailedItems(input: $input) { transfer { id } userErrors { code message } } }`;

/** Writes the objects of a voyage past the product: small ones, some of a few parts' worth, and what is there already. */
export async function prepareVoyage(
  stack: Stack,
  random: Random,
  number: number,
  destination: ChaosCloud,
): Promise<Voyage> {
  const { from, to } = stack.clouds;
  const mode = random.pick(['COPY', 'COPY', 'MOVE', 'SYNC'] as const);
  const conflictPolicy = mode === 'SYNC' ? 'OVERWRITE_IF_DIFFERENT' : random.pick(['OVERWRITE', 'SKIP'] as const);
  const voyage: Voyage = {
    number,
    prefix: `v${number}/`,
    mode,
    conflictPolicy,
    destination,
    expected: {},
    isPaused: random.next() < 0.3,
  };
  const sizes = [
    ...Array.from({ length: random.between(60, 90) }, () => random.between(0, 20 * KiB)),
    ...Array.from({ length: 2 }, () => random.between(MiB, 3 * MiB)),
    random.between(17 * MiB, 26 * MiB),
  ];
  for (const [index, size] of sizes.entries()) {
    const key = `${index % 7}/${index}.bin`;
    voyage.expected[key] = await from.put(voyage.prefix + key, size);
  }
  if (voyage.destination.name === 's3') {
    const kept = Object.keys(voyage.expected).slice(0, 5);
    for (const key of [...kept, ...(mode === 'SYNC' ? ['extra/one', 'extra/two'] : [])]) {
      const body = Buffer.from(`what was there of ${key}`);
      await to.client.send(new PutObjectCommand({ Bucket: to.bucket, Key: voyage.prefix + key, Body: body }));
      if (conflictPolicy === 'SKIP') voyage.expected[key] = createHash('sha256').update(body).digest('hex');
    }
  }
  return voyage;
}

/**
 * Orders the transfer through the API, steers and watches it to its end, and judges what is there afterwards. `arrived`
 * is called at the transfer's end.
 */
export async function sail(stack: Stack, voyage: Voyage, writes: Writes, arrived: () => void): Promise<VoyageResult> {
  const { api, accounts, clouds } = stack;
  const { prefix, mode, conflictPolicy, destination } = voyage;
  const complaints: string[] = [];
  // What preparing wrote is not the product's.
  writes.takeRepeated(prefix);
  const { transfer, userErrors } = await api.send(create, {
    sourceAccountId: accounts[clouds.source.name],
    sourcePaths: [`${clouds.source.container}/${prefix}`],
    destinationAccountId: accounts[destination.name],
    destinationPath: `${destination.container}/`,
    mode,
    options: { conflictPolicy },
    idempotencyKey: `voyage-${voyage.number}`,
  });
  if (!transfer) throw new Error(`Voyage ${voyage.number} was not ordered: ${JSON.stringify(userErrors)}`);
  /** The transfer and its follow-ups, each of the one before. */
  const ids = [decodeGlobalId(transfer.id).id];
  let last = transfer;
  if (voyage.isPaused) {
    await api.send(step('pauseTransfer'), { id: transfer.id });
    if (!(await isLetGo(stack, ids[0] as string))) complaints.push('a worker holds the paused transfer');
    await api.send(step('resumeTransfer'), { id: transfer.id });
  }

  let row: TransferRow | undefined;
  const retriedFor: string[] = [];
  let [longestStandstillMs, changedAt, seen] = [0, Date.now(), ''];
  for (;;) {
    [row] = await readTransfer(stack, ids.at(-1) as string);
    const shown = JSON.stringify(row);
    if (row && shown !== seen) [changedAt, seen] = [Date.now(), shown];
    longestStandstillMs = Math.max(longestStandstillMs, Date.now() - changedAt);
    if (longestStandstillMs > stuckMs) {
      complaints.push(`stuck: ${shown}`);
      break;
    }
    if (row && ended.includes(row.state)) {
      if (row.state === 'COMPLETED' || row.state === 'CANCELLED' || retriedFor.length === maxRetries) break;
      const answer = await api.send(retry, {
        transferId: last.id,
        idempotencyKey: `voyage-${voyage.number}-${retriedFor.length}`,
      });
      if (!answer.transfer) {
        complaints.push(`cannot be retried: ${JSON.stringify(answer.userErrors)}`);
        break;
      }
      last = answer.transfer;
      ids.push(decodeGlobalId(last.id).id);
      retriedFor.push(row.error ?? '');
    }
    await delay(pollMs);
  }
  arrived();
  await delay(lingerMs);
  complaints.push(...(await judge(stack, voyage, ids)));
  const { unexcused, ...repeated } = writes.takeRepeated(prefix);
  complaints.push(...unexcused.map((name) => `sent again though no fault hit it: ${name}`));
  // Of a voyage that went wrong everything stays for who looks into it.
  if (complaints.length === 0) {
    await clouds.source.clear(prefix);
    await destination.clear(prefix);
  }
  return {
    number: voyage.number,
    mode,
    policy: conflictPolicy,
    destination: destination.name,
    objects: Object.keys(voyage.expected).length,
    retriedFor,
    longestStandstillMs,
    repeated,
    complaints,
  };
}

const readTransfer = (stack: Stack, id: string) =>
  stack.rows<TransferRow>(
    `SELECT state::text, objects_listed AS listed, objects_completed AS completed, objects_failed AS failed,
       objects_skipped AS skipped, bytes_acknowledged AS acknowledged, bytes_planned AS bytes, bytes_verified AS verified,
       coalesce(throttled_until > now(), false) AS throttled,
       error_code || ': ' || error_message AS error
     FROM transfer WHERE id = $1`,
    [id],
  );

/** Compares what is at both sides, by plain clients, and what the product says of it. */
async function judge(
  stack: Stack,
  { prefix, mode, expected, destination }: Voyage,
  ids: readonly string[],
): Promise<string[]> {
  const complaints: string[] = [];
  const rows: TransferRow[] = [];
  for (const id of ids) {
    let row: TransferRow | undefined;
    while (!row) [row] = await readTransfer(stack, id);
    rows.push(row);
    if (Number(row.listed) !== Number(row.completed) + Number(row.skipped) + Number(row.failed)) {
      complaints.push(`counted wrongly: ${JSON.stringify(row)}`);
    }
  }
  const last = rows.at(-1) as TransferRow;
  if (last.state !== 'COMPLETED') complaints.push(`ended ${JSON.stringify(last)}`);
  if (last.acknowledged !== last.bytes) complaints.push(`acknowledged ${last.acknowledged} of ${last.bytes} bytes`);
  const there = await destination.hashes(prefix);
  for (const key of new Set([...Object.keys(expected), ...Object.keys(there)])) {
    if (there[key] === expected[key]) continue;
    complaints.push(`${there[key] === undefined ? 'lost' : expected[key] ? 'corrupt' : 'too much'}: ${prefix}${key}`);
  }
  if (mode === 'MOVE') {
    const left = Object.keys(await stack.clouds.source.hashes(prefix));
    const skipped = rows.reduce((sum, row) => sum + Number(row.skipped), 0);
    if (skipped !== left.length) complaints.push(`${left.length} left at the source of a move`);
  }
  return complaints;
}

/** Whether every worker lets go of the transfer's batches before it counts as stuck; a lease that ran out is let go. */
async function isLetGo(stack: Stack, transferId: string): Promise<boolean> {
  for (const from = Date.now(); Date.now() - from < stuckMs; await delay(pollMs)) {
    const [row] = await stack.rows<{ held: number }>(
      `SELECT count(*)::int AS held FROM transfer_batch
       WHERE transfer_id = $1::uuid AND state = 'ADMITTED' AND fence = attempt AND lease_until > now()`,
      [transferId],
    );
    if (row?.held === 0) return true;
  }
  return false;
}
