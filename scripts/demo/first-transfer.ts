import { stateFile } from '../local/state.ts';
import { ApiClient } from './api-client.ts';
import { azureAccountName, type Clouds, type DemoSettings, destinationContainer, sourceBucket } from './clouds.ts';

export const demoEmail = 'demo@skyferry.example';

/** What the demo made, so that the next start finds it. */
interface DemoState {
  sourceAccountId: string;
  destinationAccountId: string;
  transferId: string;
}

interface UserError {
  message: string;
  remedy: string;
}

/** Progress of a transfer as the public API tells it; byte counts are decimal strings. */
export interface Progress {
  state: string;
  listingComplete: boolean;
  objectsListed: number;
  objectsCompleted: number;
  objectsFailed: number;
  bytesListed: string;
  bytesAcknowledged: string;
  speedBytesPerSecond: string;
  etaMs: number | null;
}

const progressFields = `state listingComplete objectsListed objectsCompleted objectsFailed bytesListed bytesAcknowledged
  speedBytesPerSecond etaMs`;

export const finalStates: readonly string[] = ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED'];

export interface FirstTransfer {
  id: string;
  /** Whether an earlier start made it. */
  found: boolean;
  /** What the names of its objects begin with in the destination's container. */
  prefix: string;
}

/** Signs the demo's user in; signs them up at the first start. */
export async function signIn(settings: DemoSettings, endpoint: string): Promise<ApiClient> {
  const anonymous = new ApiClient(endpoint);
  const credentials = { email: demoEmail, password: settings.secrets.demoPassword };
  const signedIn = await anonymous.run<{ signIn: { token: string | null } }>(
    'mutation SignIn($input: SignInInput!) { signIn(input: $input) { token userErrors { message } } }',
    { input: credentials },
  );
  if (signedIn.signIn.token) return anonymous.withToken(signedIn.signIn.token);
  const { signUp } = await anonymous.run<{ signUp: { token: string | null; userErrors: UserError[] } }>(
    'mutation SignUp($input: SignUpInput!) { signUp(input: $input) { token userErrors { message remedy } } }',
    { input: { ...credentials, name: 'Demo' } },
  );
  refuse('The demo user could not sign up', signUp.userErrors);
  return anonymous.withToken(signUp.token as string);
}

/** The demo's transfer has a folder of its own, so that what people move beside it is told apart. */
const destinationPath = `${destinationContainer}/first transfer/`;

/**
 * The demo's transfer: found when an earlier start made it, else made with both accounts connected. Asking twice makes
 * nothing twice.
 */
export async function ensureTransfer(api: ApiClient, settings: DemoSettings, clouds: Clouds): Promise<FirstTransfer> {
  const file = stateFile<DemoState>(settings.dataDirectory, 'demo.json');
  const kept = file.read();
  if (kept.transferId !== undefined) {
    const { transfer } = await api.run<{ transfer: { id: string; destinationPath: string } | null }>(
      'query DemoTransfer($id: ID!) { transfer(id: $id) { id destinationPath } }',
      { id: kept.transferId },
    );
    if (transfer) return { id: transfer.id, found: true, prefix: prefixOf(transfer.destinationPath) };
  }
  const { s3AccessKeyId, s3SecretAccessKey, azureAccountKey } = settings.secrets;
  const sourceAccountId = await connect(api, 'Local S3', {
    s3: {
      endpoint: clouds.s3Endpoint,
      region: 'us-east-1',
      addressing: 'PATH',
      accessKeyId: s3AccessKeyId,
      secretAccessKey: s3SecretAccessKey,
    },
  });
  const destinationAccountId = await connect(api, 'Local Azure', {
    azure: { endpoint: clouds.azureEndpoint, accountName: azureAccountName, accountKey: azureAccountKey },
  });
  const { createTransfer } = await api.run<{ createTransfer: { transfer: { id: string }; userErrors: UserError[] } }>(
    `mutation CreateTransfer($input: CreateTransferInput!) {
      createTransfer(input: $input) { transfer { id } userErrors { message remedy } }
    }`,
    {
      input: {
        name: 'Sample files, S3 to Azure',
        sourceAccountId,
        sourcePaths: [`${sourceBucket}/`],
        destinationAccountId,
        destinationPath,
        idempotencyKey: 'demo-first-transfer',
      },
    },
  );
  refuse('The demo transfer could not be created', createTransfer.userErrors);
  const transferId = createTransfer.transfer.id;
  file.update({ sourceAccountId, destinationAccountId, transferId });
  return { id: transferId, found: false, prefix: prefixOf(destinationPath) };
}

const prefixOf = (path: string): string => path.slice(path.indexOf('/') + 1);

async function connect(api: ApiClient, name: string, credentials: object): Promise<string> {
  const { connectAccount } = await api.run<{ connectAccount: { account: { id: string }; userErrors: UserError[] } }>(
    `mutation Connect($input: ConnectAccountInput!) {
      connectAccount(input: $input) { account { id } userErrors { message remedy } }
    }`,
    { input: { name, credentials, idempotencyKey: `demo-connect-${name.replaceAll(' ', '-').toLowerCase()}` } },
  );
  refuse(`${name} could not be connected`, connectAccount.userErrors);
  return connectAccount.account.id;
}

function refuse(what: string, errors: readonly UserError[]): void {
  if (errors.length > 0) throw new Error(`${what}: ${errors.map((one) => `${one.message} ${one.remedy}`).join(' ')}`);
}

/** Follows a transfer live until it has ended, and returns its last progress. `show` is called at each change. */
export async function followTransfer(
  api: ApiClient,
  id: string,
  show: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Progress> {
  while (true) {
    try {
      const events = api.subscribe<{ transferProgress: { progress: Progress } }>(
        `subscription Follow($id: ID!) { transferProgress(id: $id) { progress { ${progressFields} } } }`,
        { id },
        signal,
      );
      for await (const { transferProgress } of events) {
        show(transferProgress.progress);
        if (finalStates.includes(transferProgress.progress.state)) return transferProgress.progress;
      }
    } catch (error) {
      signal.throwIfAborted();
      // The stream broke, which says nothing about the transfer: look again, and fail where that fails too.
      if (!(error instanceof TypeError)) throw error;
    }
    const progress = await currentProgress(api, id);
    show(progress);
    if (finalStates.includes(progress.state)) return progress;
  }
}

/** Progress of a transfer now. */
export async function currentProgress(api: ApiClient, id: string): Promise<Progress> {
  const { transfer } = await api.run<{ transfer: { progress: Progress } }>(
    `query Progress($id: ID!) { transfer(id: $id) { progress { ${progressFields} } } }`,
    { id },
  );
  return transfer.progress;
}

/** Why objects of a transfer failed, a line each. */
export async function transferErrors(api: ApiClient, id: string): Promise<string[]> {
  const { transfer } = await api.run<{
    transfer: {
      error: UserError | null;
      errorGroups: (UserError & { objects: number; exampleKey: string })[];
    };
  }>(
    `query Errors($id: ID!) {
      transfer(id: $id) { error { message remedy } errorGroups { objects exampleKey message remedy } }
    }`,
    { id },
  );
  return [
    ...(transfer.error ? [`${transfer.error.message} ${transfer.error.remedy}`] : []),
    ...transfer.errorGroups.map(
      (group) => `${group.objects} objects (such as ${group.exampleKey}): ${group.message} ${group.remedy}`,
    ),
  ];
}
