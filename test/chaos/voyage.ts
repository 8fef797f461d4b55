import { setTimeout as delay } from 'node:timers/promises';
import { decodeGlobalId } from '../../api/global-id.ts';
import { judge, readTransfer } from './judge.ts';
import { portsOf } from './ports.ts';
import type { Voyage } from './prepare.ts';
import { failures } from './records.ts';
import type { Stack } from './stack.ts';

/** What came of one. */
export interface VoyageResult {
  number: number;
  mode: string;
  policy: string;
  source: string;
  destination: string;
  objects: number;
  /** From the order to the end. */
  tookMs: number;
  /** Why objects had failed, each time that their owner asked for more tries. */
  retriedFor: string[];
  longestStandstillMs: number;
  repeated: { count: number; bytes: number };
  /** What is wrong; empty: nothing. */
  complaints: string[];
}

/** No transfer may stand still for longer. */
const stuckMs = 60_000;
/** A worker that was stopped may wake up after so long and do harm: what is compared is what is there after that. */
const lingerMs = 25_000;
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
const view = 'query ($input: ID!) { transfer(id: $input) { state progress { sequence state } } }';

/**
 * Orders the transfer through the API, steers and watches it to its end, and judges what is there afterwards. `arrived`
 * is called at the transfer's end.
 */
export async function sail(stack: Stack, voyage: Voyage, arrived: () => void): Promise<VoyageResult> {
  const { api, signal, writes } = stack;
  const { prefix, arrivedPrefix, source, destination } = voyage;
  // What preparing wrote is not the product's.
  writes.takeRepeated(arrivedPrefix);
  const orderedAt = Date.now();
  voyage.movedAt = orderedAt;
  stack.underWay.add(voyage);
  let passage: Passage;
  try {
    passage = await pass(stack, voyage);
  } finally {
    stack.underWay.delete(voyage);
    arrived();
  }
  const tookMs = Date.now() - orderedAt;
  await delay(lingerMs, undefined, { signal });
  const { complaints, ids, globalId, ...told } = passage;
  const shown = await api.send(view, globalId);
  complaints.push(...(await judge(stack, voyage, ids, shown?.state)));
  const { unexcused, ...repeated } = writes.takeRepeated(arrivedPrefix, await failures(stack, ids));
  complaints.push(...unexcused.map((name) => `sent again though no fault hit it: ${name}`));
  // Of a voyage that went wrong everything stays for who looks into it.
  if (complaints.length === 0) await Promise.all([source.plain.clear(prefix), destination.plain.clear(arrivedPrefix)]);
  return {
    number: voyage.number,
    mode: voyage.mode,
    policy: voyage.conflictPolicy,
    source: source.name,
    destination: destination.name,
    objects: Object.keys(voyage.expected).length,
    tookMs,
    ...told,
    repeated,
    complaints,
  };
}

interface Passage extends Pick<VoyageResult, 'complaints' | 'retriedFor' | 'longestStandstillMs'> {
  /** The transfer and its follow-ups, each of the one before. */
  ids: string[];
  /** Of the last one. */
  globalId: string;
}

/** From the order to the end of the last follow-up. */
async function pass(stack: Stack, voyage: Voyage): Promise<Passage> {
  const { api, accounts, signal } = stack;
  const { number, prefix, arrivedPrefix, source, destination, mode, conflictPolicy } = voyage;
  const { transfer, userErrors } = await api.send(create, {
    sourceAccountId: accounts[source.name],
    sourcePaths: [`${source.container}/${prefix}`],
    destinationAccountId: accounts[destination.name],
    destinationPath: `${destination.container}/arrived/`,
    mode,
    options: { conflictPolicy },
    idempotencyKey: `voyage-${number}`,
  });
  if (!transfer) throw new Error(`was not ordered: ${JSON.stringify(userErrors)}`);
  const passage: Passage = {
    ids: [decodeGlobalId(transfer.id).id],
    globalId: transfer.id,
    complaints: [],
    retriedFor: [],
    longestStandstillMs: 0,
  };
  const { ids, complaints, retriedFor } = passage;
  const over = new AbortController();
  const watching = watch(stack, passage, over.signal);
  try {
    if (voyage.isPaused) {
      // What is under way is given up.
      const end = stack.writes.lose(
        ({ cloud, place }) =>
          cloud === destination.name && (place.startsWith(arrivedPrefix) || !place.startsWith('arrived/')),
      );
      await api.send(step('pauseTransfer'), { id: transfer.id });
      if (!(await isLetGo(stack, ids[0] as string))) complaints.push('a worker holds the paused transfer');
      end();
      await api.send(step('resumeTransfer'), { id: transfer.id });
    }
    voyage.movedAt = Date.now();
    let [lookedAt, seen] = [Date.now(), ''];
    for (;;) {
      signal.throwIfAborted();
      const row = await readTransfer(stack, ids.at(-1) as string);
      const now = Date.now();
      // Without Postgres nothing can be seen to move.
      if (!row) voyage.movedAt += now - lookedAt;
      lookedAt = now;
      const shown = JSON.stringify(row);
      if (row && shown !== seen) [voyage.movedAt, seen] = [now, shown];
      passage.longestStandstillMs = Math.max(passage.longestStandstillMs, now - voyage.movedAt);
      if (passage.longestStandstillMs > stuckMs) {
        complaints.push(`stuck: ${shown}; ${await unfinished(stack, ids)}; ${await waiting(stack)}`);
        return passage;
      }
      if (row && ended.includes(row.state)) {
        if (row.state === 'COMPLETED' || row.state === 'CANCELLED' || retriedFor.length === maxRetries) return passage;
        const answer = await api.send(retry, {
          transferId: passage.globalId,
          idempotencyKey: `voyage-${number}-${retriedFor.length}`,
        });
        if (!answer.transfer) {
          complaints.push(`cannot be retried: ${JSON.stringify(answer.userErrors)}`);
          return passage;
        }
        passage.globalId = answer.transfer.id;
        ids.push(decodeGlobalId(passage.globalId).id);
        retriedFor.push(row.error ?? '');
        // Until here it was up to the owner.
        voyage.movedAt = lookedAt = Date.now();
      }
      await delay(pollMs);
    }
  } finally {
    over.abort();
    await watching;
  }
}

/** The objects of transfers that are not at their end, and who holds them. */
async function unfinished(stack: Stack, ids: readonly string[]): Promise<string> {
  const items = await stack.rows(
    `SELECT item.destination_key AS key, item.state, item.route, item.attempts, item.error_code AS error,
       item.checkpoint IS NOT NULL AS begun, item.acknowledged_bytes AS acknowledged, batch.state AS batch, batch.attempt,
       batch.fence, batch.lease_until - now() AS lease, batch.not_before - now() AS rest
     FROM transfer_item AS item
     JOIN transfer_batch AS batch ON batch.transfer_id = item.transfer_id AND batch.number = item.batch_number
     WHERE item.transfer_id = ANY($1::uuid[]) AND item.state IN ('PENDING', 'RUNNING') LIMIT 3`,
    [ids],
  );
  return JSON.stringify(items);
}

/** What workers wait for at the clouds. */
async function waiting({ clouds, workers }: Stack): Promise<string> {
  const told = workers.map(async ({ name, pid }) => {
    const ports = await portsOf(pid);
    const counts = clouds.all.map(({ name, link }) => [name, link.inFlight(ports)] as const);
    return [name, Object.fromEntries(counts.filter(([, count]) => count > 0))];
  });
  return JSON.stringify(Object.fromEntries(await Promise.all(told)));
}

/** Asks the API for the transfer again and again, as its owner's page does. */
async function watch({ api }: Stack, passage: Passage, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await api.ask(view, passage.globalId);
    await delay(pollMs);
  }
}

/** Whether every worker lets go of the transfer's batches before it counts as stuck; a lease that ran out is let go. */
async function isLetGo(stack: Stack, transferId: string): Promise<boolean> {
  for (const from = Date.now(); Date.now() - from < stuckMs; await delay(pollMs)) {
    stack.signal.throwIfAborted();
    const [row] = await stack.rows<{ held: number }>(
      `SELECT count(*)::int AS held FROM transfer_batch
       WHERE transfer_id = $1::uuid AND state = 'ADMITTED' AND fence = attempt AND lease_until > now()`,
      [transferId],
    );
    if (row?.held === 0) return true;
  }
  return false;
}
