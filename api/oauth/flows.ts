import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../core/errors.ts';
import { open, seal } from '../../core/secrets.ts';
import { type Context, viewerOf } from '../context.ts';
import { type OAuthProvider, redirectUri, registeredApp } from './apps.ts';

/** For so long a person may think about the grant. */
export const flowLifeMs = 10 * 60_000;
/** More than a completion takes: 20 s at the token endpoint, 20 s at the cloud, 15 s in the database, 5 s to give back. */
const completionMs = 70_000;
/** How often a repetition looks for what the first call made of the flow. */
const pollMs = 250;
const randomness = 32;

/** A flow that its user comes back to. */
export interface OAuthFlow {
  provider: OAuthProvider;
  /** Id of the account whose grant is to be replaced; null: a new account. */
  accountId: string | null;
  verifier: string;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();
/** Name of a flow's row for its seal. */
export const flowRowId = (stateHash: Uint8Array) => Buffer.from(stateHash).toString('hex');

/** Begins a flow of the viewer and returns the address at the cloud where the person is asked for the grant. */
export async function beginFlow(context: Context, provider: OAuthProvider, accountId: string | null): Promise<string> {
  const { config, db, keyring, limits, publicUrl } = context.services;
  const app = registeredApp(config, provider);
  const userId = viewerOf(context).id;
  await limits.count('startOAuthByUser', userId);
  const state = randomBytes(randomness).toString('base64url');
  const verifier = randomBytes(randomness).toString('base64url');
  const stateHash = new Uint8Array(sha256(state));
  const sealed = seal(keyring, flowRowId(stateHash), verifier);
  await db.oauthFlow.create({
    data: {
      stateHash,
      userId,
      provider,
      accountId,
      sealedVerifier: sealed.bytes,
      keyId: sealed.keyId,
      expiresAt: new Date(Date.now() + flowLifeMs),
    },
  });
  const url = new URL(app.authorizationUrl);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: app.clientId,
    redirect_uri: redirectUri(publicUrl, provider),
    state,
    code_challenge: sha256(verifier).toString('base64url'),
    code_challenge_method: 'S256',
    ...app.parameters,
  }).toString();
  return url.href;
}

/**
 * Takes the viewer's flow, completes it by `complete` and removes it, whether that succeeds or fails. Until then its row
 * is marked, by which repetitions know that it is under way; no lock is held. A flow is taken once, whoever comes at the
 * same time: null for a state that is unknown, was used, is older than ten minutes or belongs to somebody else, whose
 * flow stays.
 */
export async function takeFlow<Result>(
  context: Context,
  state: string,
  complete: (flow: OAuthFlow) => Promise<Result>,
): Promise<Result | null> {
  const { db, keyring } = context.services;
  const own = ownFlow(context, state);
  const now = new Date();
  const [row] = await db.oauthFlow.updateManyAndReturn({
    where: { ...own, takenAt: null, expiresAt: { gt: now } },
    data: { takenAt: now, expiresAt: new Date(now.getTime() + completionMs) },
  });
  if (row === undefined) return null;
  try {
    return await complete({
      provider: row.provider as OAuthProvider,
      accountId: row.accountId,
      verifier: open(keyring, flowRowId(row.stateHash), { keyId: row.keyId, bytes: row.sealedVerifier }) as string,
    });
  } finally {
    await db.oauthFlow.deleteMany({ where: own }).catch((error) => {
      // It expires by itself, and what was completed stays.
      context.log.warn({ err: error }, 'a completed sign-in could not be removed');
    });
  }
}

/**
 * What another call makes of the viewer's flow that it has taken, waited for until that call has ended or the caller is
 * gone. `findResult` looks for it. NOT_FOUND when the flow is not under way and left no result.
 */
export async function resultOfTakenFlow(
  context: Context,
  state: string,
  findResult: () => Promise<string | null>,
): Promise<string> {
  const where = { ...ownFlow(context, state), takenAt: { not: null } };
  for (;;) {
    // The row is looked for before the result, which lies there before the row goes.
    const row = await context.services.db.oauthFlow.findFirst({ where });
    const result = await findResult();
    if (result !== null) return result;
    if (row === null || row.expiresAt.getTime() <= Date.now()) throw notUnderWay();
    await delay(pollMs, undefined, { signal: context.signal }).catch((cause) => {
      throw new AppError('CANCELLED', 'The call was cancelled.', { cause });
    });
  }
}

/** Alike for every state that leads nowhere. */
export function notUnderWay(): AppError {
  return new AppError(
    'NOT_FOUND',
    'This sign-in is not under way: it was completed already, took longer than 10 minutes, or was begun by someone else. Begin again.',
    { field: ['state'] },
  );
}

function ownFlow(context: Context, state: string) {
  return { stateHash: new Uint8Array(sha256(state)), userId: viewerOf(context).id };
}
