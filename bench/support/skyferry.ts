import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { freePort, type RunningProcess, startProcess, untilReady } from '../../scripts/local/processes.ts';
import { prepareRedis, startRedis } from '../../scripts/local/redis.ts';
import type { Contender, Measurement } from './bench.ts';
import { type EvidenceCounts, evidenceOf, requireHash } from './evidence.ts';
import { startBenchPostgres } from './postgres.ts';
import { cpuMs } from './processes.ts';
import type { Store, Stores } from './stores/store.ts';

/** The whole product on servers of its own: API and two workers, driven as a third party drives it. */
export interface Skyferry {
  settings: string;
  sourceAccountId: string;
  destinationAccountId: string;
  graphql<Data>(query: string, variables: Record<string, unknown>): Promise<Data>;
  /** Settles when the transfer has ended, as its subscription tells. */
  completed(transferId: string): Promise<{ state: string; objectsCompleted: number }>;
  cpuMs(): number;
  close(): Promise<void>;
}

const workerCount = 2;

export async function startSkyferry({ source, destination, authority }: Stores, directory: string): Promise<Skyferry> {
  const stops: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of stops.toReversed()) await stop();
  };
  try {
    const postgres = await startBenchPostgres(directory);
    stops.push(postgres.stop);
    const redis = await startRedis({
      program: await prepareRedis(process.env.DATA_DIRECTORY || '.data'),
      directory: join(directory, 'redis'),
      logFile: join(directory, 'redis.log'),
      password: randomBytes(16).toString('hex'),
    });
    stops.push(() => redis.stop());
    const port = await freePort();
    const env = {
      ...process.env,
      NODE_ENV: 'development',
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      PORT: String(port),
      KEY_ENCRYPTION_KEY: `bench:${randomBytes(32).toString('base64')}`,
      AUTH_SECRET: randomBytes(32).toString('hex'),
      ALLOWED_PRIVATE_ADDRESSES: '127.0.0.1/32',
      LOG_LEVEL: 'warn',
      ...(authority !== undefined && { NODE_EXTRA_CA_CERTS: authority }),
    };
    const launch = async (name: string, main: string) => {
      const started = await startProcess({
        name,
        command: process.execPath,
        args: [main],
        env,
        logFile: join(directory, `${name}.log`),
      });
      stops.push(() => started.stop());
      return started;
    };
    const api = await launch('api', 'api/main.ts');
    const workers: RunningProcess[] = [];
    for (let index = 0; index < workerCount; index++) workers.push(await launch(`worker-${index}`, 'worker/main.ts'));
    const url = `http://127.0.0.1:${port}`;
    await untilReady(api, () =>
      fetch(`${url}/readyz`).then(
        (response) => response.ok,
        () => false,
      ),
    );
    const session = await signUp(url);
    const [sourceAccountId, destinationAccountId] = [
      await connectAccount(session.graphql, 'source', source),
      await connectAccount(session.graphql, 'destination', destination),
    ];
    stops.push(async () => session.dispose());
    return {
      settings: `${workerCount} workers, defaults`,
      sourceAccountId,
      destinationAccountId,
      graphql: session.graphql,
      completed: session.completed,
      cpuMs: () => [api, ...workers].reduce((sum, { pid }) => sum + cpuMs(pid), 0),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function signUp(url: string) {
  let token = '';
  const graphql = async <Data>(query: string, variables: Record<string, unknown>): Promise<Data> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as { data?: Data; errors?: unknown };
    if (answer.errors !== undefined || !answer.data) throw new Error(`GraphQL: ${JSON.stringify(answer.errors)}`);
    return answer.data;
  };
  const { signUp } = await graphql<{ signUp: { token: string } }>(
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { message } } }',
    { input: { email: 'bench@example.org', name: 'Bench', password: randomBytes(16).toString('hex') } },
  );
  token = signUp.token;
  const socket = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    lazy: false,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  const completed = async (transferId: string) => {
    const events = socket.iterate<{ transferProgress: { progress: { state: string; objectsCompleted: number } } }>({
      query: 'subscription ($id: ID!) { transferProgress(id: $id) { progress { state objectsCompleted } } }',
      variables: { id: transferId },
    });
    let last: { state: string; objectsCompleted: number } | undefined;
    for await (const { data, errors } of events) {
      if (errors) throw new Error(JSON.stringify(errors));
      last = data?.transferProgress.progress ?? last;
    }
    if (last === undefined) throw new Error('the subscription ended before any event');
    return last;
  };
  return { graphql, completed, dispose: () => socket.dispose() };
}

async function connectAccount(graphql: Skyferry['graphql'], name: string, store: Store): Promise<string> {
  const { connectAccount } = await graphql<{
    connectAccount: { account: { id: string } | null; userErrors: { message: string }[] };
  }>(
    'mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } userErrors { message } } }',
    {
      input: {
        name,
        credentials: store.credentials,
      },
    },
  );
  if (connectAccount.account === null) throw new Error(connectAccount.userErrors[0]?.message);
  return connectAccount.account.id;
}

/** Orders a relay of one path and resolves to the transfer's id, as soon as the mutation is answered. */
export async function orderRelay(skyferry: Skyferry, sourcePath: string, destinationPath: string): Promise<string> {
  const { createTransfer } = await skyferry.graphql<{
    createTransfer: { transfer: { id: string } | null; userErrors: { message: string }[] };
  }>(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { message } } }',
    {
      input: {
        sourceAccountId: skyferry.sourceAccountId,
        sourcePaths: [sourcePath],
        destinationAccountId: skyferry.destinationAccountId,
        destinationPath,
        options: { routes: ['RELAY'] },
      },
    },
  );
  if (createTransfer.transfer === null) throw new Error(createTransfer.userErrors[0]?.message);
  return createTransfer.transfer.id;
}

/**
 * Skyferry as a contender: from the mutation to the terminal event of the subscription. `verifiedBy`: hash that both legs
 * of every object's evidence must be by.
 */
export function skyferryContender(
  skyferry: Skyferry,
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
      transferId = await orderRelay(skyferry, paths.source, `${paths.destinationBucket}/${to(round)}`);
      const { state } = await skyferry.completed(transferId);
      const wallMs = performance.now() - startedAt;
      if (state !== 'COMPLETED') throw new Error(`the transfer ended ${state}`);
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
