import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configSchema, parseEnvironment } from '../core/config.ts';
import { toAppError } from '../core/errors.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import { patient } from '../storage/conformance/patient.ts';
import { operatorAccess } from '../storage/operator.ts';
import type { StorageProvider, UploadSession } from '../storage/provider.ts';
import { openProvider } from '../storage/registry.ts';
import { runMain, say } from './lifecycle.ts';
import { readCredentials } from './smoke/account.ts';
import { cleanUp } from './smoke/clean-up.ts';
import { help } from './smoke/help.ts';
import type { Outcome, Plan } from './smoke/plan.ts';

/** More than one page of most clouds; more would take its time, and cost. */
const manyKeys = 1_200;

interface Wish {
  account: string;
  containers: [string, string];
  /** Ends in a slash unless it is empty. */
  prefix: string;
}

function readWish(): Wish | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { account: text, container: text, second: text, prefix: text, help: { type: 'boolean' } },
  });
  if (values.help) return undefined;
  const { account, container, second = container, prefix = '' } = values;
  if (!account || !container || !second) {
    throw new Error('Give --account and --container. `npm run smoke -- --help` tells what they are.');
  }
  return { account, containers: [container, second], prefix: prefix.replace(/([^/])$/, '$1/') };
}

/** Throws what to do when the account or a container cannot be used; nothing has been written then. */
async function openChecked(plan: Plan): Promise<StorageProvider> {
  const options = {
    addressPolicy: createAddressPolicy(plan.allowedPrivateAddresses),
    operator: plan.operator,
  };
  const signal = AbortSignal.timeout(120_000);
  const refuse = (what: string) => (error: unknown) => {
    const { code, message } = toAppError(error);
    const remedy =
      code === 'ADDRESS_NOT_ALLOWED'
        ? 'If it is yours, allow it: ALLOWED_PRIVATE_ADDRESSES=127.0.0.1 npm run smoke -- …, with its own address.'
        : "Mend the account file or the container's name.";
    throw new Error(`${what}: ${message} (${code})\nNothing was tested. ${remedy}`);
  };
  const check = async () => {
    const unchecked = openProvider(plan.credentials, options);
    try {
      return await patient(unchecked).check(signal);
    } finally {
      await unchecked.close();
    }
  };
  const found = await check().catch(refuse('The account cannot be used'));
  const provider = patient(openProvider(plan.credentials, { ...options, capabilities: found.capabilities }));
  for (const container of new Set(plan.containers)) {
    await provider.list({ container, prefix: plan.root, limit: 1 }, signal).catch(refuse(`Container ${container}`));
  }
  say(`Account: ${found.identity}`);
  return provider;
}

/** Runs the suite in a process of its own, so that what it wrote can be removed however it ends. */
async function runSuite(plan: Plan, stop: AbortSignal): Promise<Outcome> {
  const child: ChildProcess = fork('scripts/smoke/run-suite.ts', { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let outcome: Outcome = { passed: 0, failed: 1 };
  child.on('message', (message) => {
    outcome = message as Outcome;
  });
  const end = () => child.kill('SIGKILL');
  stop.addEventListener('abort', end);
  child.send(plan);
  await once(child, 'close');
  stop.removeEventListener('abort', end);
  return outcome;
}

/** Aborted by the first wish to stop; a second one ends this process without removing anything. */
function stopSignal(left: string): AbortSignal {
  const stopped = new AbortController();
  const onSignal = () => {
    if (stopped.signal.aborted) {
      console.error(`Stopped at once. Remove by hand: ${left}`);
      process.exit(130);
    }
    say('Stopping; removing what was written. Once more stops at once and leaves it.');
    stopped.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(name, onSignal);
  return stopped.signal;
}

/** Whole lines; one that was being written when its process ended is none. */
async function readLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\n').slice(0, -1);
}

await runMain(async () => {
  const wish = readWish();
  if (wish === undefined) {
    say(help);
    return 0;
  }
  const { ALLOWED_PRIVATE_ADDRESSES, ...operator } = parseEnvironment(
    configSchema.pick({
      ALLOWED_PRIVATE_ADDRESSES: true,
      ALLOW_MACHINE_IDENTITY: true,
      GOOGLE_OAUTH_CLIENT_ID: true,
      GOOGLE_OAUTH_CLIENT_SECRET: true,
      GOOGLE_ENDPOINT: true,
      GCE_METADATA_HOST: true,
    }),
    process.env,
  );
  const prefix = `${wish.prefix}skyferry-smoke-${randomBytes(6).toString('hex')}/`;
  const credentials = await readCredentials(wish.account);
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-smoke-'));
  const plan: Plan = {
    credentials,
    allowedPrivateAddresses: ALLOWED_PRIVATE_ADDRESSES,
    operator: operatorAccess(operator),
    containers: wish.containers,
    // One level further down: a store that takes `..` for the level above does not lead out of the prefix.
    root: `${prefix}keys/`,
    manyKeys,
    uploadsFile: join(directory, 'uploads'),
    leftOutFile: join(directory, 'left-out'),
  };
  await writeFile(plan.uploadsFile, '');
  await writeFile(plan.leftOutFile, '');
  try {
    const provider = await openChecked(plan);
    const places = [...new Set(plan.containers)];
    const names = places.map((container) => `${container}/${prefix}`).join(' and ');
    const stop = stopSignal(names);
    say(`Writes below ${names}`);
    const { passed, failed } = await runSuite(plan, stop);
    say('Removing what was written …');
    const uploads = (await readLines(plan.uploadsFile)).map((line) => JSON.parse(line) as UploadSession);
    const left = await cleanUp(provider, places, prefix, uploads);
    await provider.close();
    const leftOut = await readLines(plan.leftOutFile);
    say('');
    say(`${passed} tests passed, ${failed} failed${stop.aborted ? ' before it was stopped' : ''}.`);
    if (leftOut.length > 0) say('Left out, because they need a store on this machine (`npm test` runs them):');
    for (const group of leftOut) say(`  ${group}`);
    if (left.length === 0) say('Everything that was written has been removed.');
    else say(`Not removed (remove it by hand):\n${left.map((line) => `  ${line}`).join('\n')}`);
    if (stop.aborted) return 130;
    return failed === 0 && passed > 0 && left.length === 0 ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
