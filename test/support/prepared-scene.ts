import type { BrowserContextOptions } from 'playwright-core';
import { credentialsInput } from './api.ts';
import type { Scene } from './browser.ts';
import { subscribe } from './live.ts';

/** Somebody with two accounts, `Harbour` (S3) and `Far` (Azure), and transfers in several states. */
export interface Prepared {
  email: string;
  password: string;
  /** Cookies of the session, for a browser. */
  session: NonNullable<BrowserContextOptions['storageState']>;
  /** The account `Harbour`. */
  harbourId: string;
  arrivedId: string;
  /** One of its objects has a name that Azure cannot hold, and one is not there: only that one can be retried. */
  troubledId: string;
  scheduledId: string;
  /** Orders a further transfer from `Harbour` to `arrivals/`, or a dry run of one; its id. */
  order(fields: object, mutation?: 'createTransfer' | 'planTransfer'): Promise<string>;
  /** Makes a schedule from `Harbour` to `arrivals/`. */
  schedule(fields: object): Promise<void>;
  /** Resolves once the transfer is in the state. Rejects if it ends in another. */
  until(id: string, state: string): Promise<void>;
}

/** Fills a scene through its API, as its pages would. Its bucket is `harbour`, its container `arrivals`. */
export async function prepareScene(scene: Scene): Promise<Prepared> {
  const { url } = scene.product;
  const email = 'ada@example.org';
  const password = 'a ferry between clouds';
  let cookie = '';

  // biome-ignore lint/suspicious/noExplicitAny: each call knows what it asked for
  const ask = async (query: string, input?: object): Promise<any> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url, cookie },
      body: JSON.stringify({ query, variables: { input } }),
    });
    cookie ||= response.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    const { data, errors } = (await response.json()) as {
      data: Record<string, { userErrors?: object[] }>;
      errors?: [];
    };
    const [payload] = Object.values(data ?? {});
    if (errors || payload?.userErrors?.length) throw new Error(JSON.stringify(errors ?? payload));
    return payload;
  };

  for (const name of ['picture 1.jpg', 'picture 2.jpg', 'a film.mp4']) await scene.s3.put(`photos/${name}`, 12_345);
  await scene.s3.put('odd/fine.txt', 10);
  await scene.s3.put('odd/ends with a dot.', 10);

  await ask('mutation ($input: SignUpInput!) { signUp(input: $input) { userErrors { message } } }', {
    email,
    password,
    name: 'Ada Lovelace',
  });
  const connect = async (name: string, credentials: object) => {
    const { account } = await ask(
      'mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } userErrors { message } } }',
      { name, credentials },
    );
    return account.id as string;
  };
  const sourceAccountId = await connect('Harbour', credentialsInput(scene.s3));
  const { accountName, accountKey, endpoint } = scene.azure;
  const destinationAccountId = await connect('Far', { azure: { accountName, accountKey, endpoint } });

  const route = { sourceAccountId, destinationAccountId, destinationPath: 'arrivals/' };
  const order: Prepared['order'] = async (fields, mutation = 'createTransfer') => {
    const input = mutation === 'createTransfer' ? 'CreateTransferInput' : 'PlanTransferInput';
    const { transfer } = await ask(
      `mutation ($input: ${input}!) { ${mutation}(input: $input) { transfer { id } userErrors { message } } }`,
      { ...route, ...fields },
    );
    return transfer.id as string;
  };
  const schedule: Prepared['schedule'] = async (fields) => {
    await ask(
      'mutation ($input: CreateTransferScheduleInput!) { createTransferSchedule(input: $input) { userErrors { message } } }',
      { ...route, ...fields },
    );
  };
  const until: Prepared['until'] = async (id, state) => {
    const document = 'subscription ($id: ID!) { transferProgress(id: $id) { progress { state } } }';
    const live = subscribe(url, document, { id }, { transport: 'sse', headers: { origin: url, cookie } });
    let last: unknown;
    while (last !== state) {
      const event = await live.next();
      if (event === null) break;
      last = event.data?.transferProgress.progress.state ?? event.errors;
    }
    await live.close();
    if (last !== state) throw new Error(`The transfer ended as ${JSON.stringify(last)}, not as ${state}.`);
  };
  const arrivedId = await order({ sourcePaths: ['harbour/photos/'], name: 'Holiday' });
  const troubledId = await order({ sourcePaths: ['harbour/odd/', 'harbour/gone.txt'], name: 'Odd names' });
  const startAt = new Date(Date.now() + 24 * 3_600_000).toISOString();
  const scheduledId = await order({ sourcePaths: ['harbour/photos/'], name: 'Tomorrow', startAt });
  await until(arrivedId, 'COMPLETED');
  await until(troubledId, 'COMPLETED_WITH_ERRORS');

  const cookies = cookie.split('; ').map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return { name, value: value.join('='), url };
  });
  const { hostname } = new URL(url);
  return {
    email,
    password,
    session: {
      cookies: cookies.map(({ name, value }) => ({
        name,
        value,
        domain: hostname,
        path: '/',
        expires: -1,
        httpOnly: true,
        secure: false,
        sameSite: 'Lax' as const,
      })),
      origins: [],
    },
    harbourId: sourceAccountId,
    arrivedId,
    troubledId,
    scheduledId,
    order,
    schedule,
    until,
  };
}
