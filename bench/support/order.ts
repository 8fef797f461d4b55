import type { Contender, Measurement } from './bench.ts';
import { type EvidenceCounts, evidenceOf, requireHash } from './evidence.ts';
import type { Skyferry, SkyferryUser } from './skyferry.ts';
import type { Store } from './stores/store.ts';

/** Two connected accounts. */
export interface AccountPair {
  sourceAccountId: string;
  destinationAccountId: string;
}

/** Connects the stores of a pair as accounts; `name` tells several pairs apart. */
export async function connectPair(
  user: SkyferryUser,
  stores: { source: Pick<Store, 'credentials'>; destination: Pick<Store, 'credentials'> },
  name = 'bench',
): Promise<AccountPair> {
  return {
    sourceAccountId: await connectAccount(user, `${name} source`, stores.source.credentials),
    destinationAccountId: await connectAccount(user, `${name} destination`, stores.destination.credentials),
  };
}

async function connectAccount({ graphql }: SkyferryUser, name: string, credentials: object): Promise<string> {
  const { connectAccount } = await graphql<{
    connectAccount: { account: { id: string } | null; userErrors: { message: string }[] };
  }>(
    'mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } userErrors { message } } }',
    { input: { name, credentials } },
  );
  if (connectAccount.account === null) throw new Error(connectAccount.userErrors[0]?.message);
  return connectAccount.account.id;
}

/** Orders a relay of one path and resolves to the transfer's id, as soon as the mutation is answered. */
export async function orderRelay(
  { graphql }: SkyferryUser,
  pair: AccountPair,
  sourcePath: string,
  destinationPath: string,
): Promise<string> {
  const { createTransfer } = await graphql<{
    createTransfer: { transfer: { id: string } | null; userErrors: { message: string }[] };
  }>(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { message } } }',
    { input: { ...pair, sourcePaths: [sourcePath], destinationPath, options: { routes: ['RELAY'] } } },
  );
  if (createTransfer.transfer === null) throw new Error(createTransfer.userErrors[0]?.message);
  return createTransfer.transfer.id;
}

/** Waits for a transfer's terminal event. Throws unless it is COMPLETED. */
export async function untilCompleted(user: SkyferryUser, transferId: string): Promise<void> {
  const { state } = await user.completed(transferId);
  if (state === 'COMPLETED') return;
  const why = await user.graphql<object>(
    `query ($id: ID!) {
      transfer(id: $id) { error { message } items(first: 3, states: [FAILED]) { nodes { sourcePath error { code message } } } }
    }`,
    { id: transferId },
  );
  throw new Error(`the transfer ended ${state}: ${JSON.stringify(why)}`);
}

/**
 * Skyferry as a contender: from the mutation to the terminal event of the subscription. `verifiedBy`: hash that both legs
 * of every object's evidence must be by.
 */
export function skyferryContender(
  skyferry: Skyferry,
  pair: AccountPair,
  paths: { source: string; destinationBucket: string },
  verifyAndClear: (to: string) => Promise<void>,
  verifiedBy?: string,
): Contender & { evidence(): EvidenceCounts } {
  const to = (round: number) => `skyferry-${round}/`;
  let transferId = '';
  let evidence: EvidenceCounts = {};
  return {
    name: 'skyferry',
    settings: skyferry.settings,
    async run(round): Promise<Measurement> {
      const cpuBefore = skyferry.cpuMs();
      const startedAt = performance.now();
      transferId = await orderRelay(skyferry, pair, paths.source, `${paths.destinationBucket}/${to(round)}`);
      await untilCompleted(skyferry, transferId);
      const wallMs = performance.now() - startedAt;
      return { wallMs, cpuMs: skyferry.cpuMs() - cpuBefore };
    },
    async verifyAndClear(round) {
      evidence = await evidenceOf(skyferry, transferId);
      if (verifiedBy !== undefined) requireHash(evidence, verifiedBy);
      await verifyAndClear(to(round));
    },
    evidence: () => evidence,
  };
}
