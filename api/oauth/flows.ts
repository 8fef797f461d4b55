import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { open, seal } from '../../core/secrets.ts';
import { type Context, viewerOf } from '../context.ts';
import { type OAuthProvider, redirectUri, registeredApp } from './apps.ts';

/** For so long a person may think about the grant. */
export const flowLifeMs = 10 * 60_000;
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
 * Takes the viewer's flow out of the table: whoever comes second finds none. NOT_FOUND for a state that is unknown, was
 * used, is older than ten minutes or belongs to somebody else, whose flow stays; all of them answer alike.
 */
export async function takeFlow(context: Context, state: string): Promise<OAuthFlow> {
  const { db, keyring } = context.services;
  const own = { stateHash: new Uint8Array(sha256(state)), userId: viewerOf(context).id };
  const row = await db.oauthFlow.findFirst({ where: own });
  const { count } = await db.oauthFlow.deleteMany({ where: own });
  if (row === null || count === 0 || row.expiresAt.getTime() <= Date.now()) {
    throw new AppError(
      'NOT_FOUND',
      'This sign-in is not under way: it was completed already, took longer than 10 minutes, or was begun by someone else. Begin again.',
      { field: ['state'] },
    );
  }
  return {
    provider: row.provider as OAuthProvider,
    accountId: row.accountId,
    verifier: open(keyring, flowRowId(row.stateHash), { keyId: row.keyId, bytes: row.sealedVerifier }) as string,
  };
}
