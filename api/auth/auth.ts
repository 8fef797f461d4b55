import { AsyncLocalStorage } from 'node:async_hooks';
import { betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import { bearer } from 'better-auth/plugins';
import { v7 as uuidv7 } from 'uuid';
import { type Config, defaultTier } from '../../core/config.ts';
import type { Db, User } from '../../core/db.ts';
import type { Mailer } from './mail.ts';

/** Lengths of a password in characters. */
export const passwordLength = { min: 10, max: 128 } as const;
/** A session ends when it was not used for so long. */
const sessionSeconds = 7 * 24 * 3600;
/** A session in use is prolonged at most so often. */
const sessionUpdateSeconds = 24 * 3600;
export const resetTokenSeconds = 3600;

/** Header by which the caller's address is handed to better-auth; never taken from outside. */
const addressHeader = 'x-skyferry-client-address';

/** Role of the user that is being created, where it is not the default. */
const roleOfNewUser = new AsyncLocalStorage<'ADMIN'>();

/** Runs a sign-up whose user becomes administrator, in the same statement that writes the user. */
export function asAdministrator<Result>(signUp: () => Promise<Result>): Promise<Result> {
  return roleOfNewUser.run('ADMIN', signUp);
}

export interface AuthOptions {
  config: Config;
  db: Db;
  publicUrl: string;
  mailer: Mailer | null;
  /** Called after a password was reset; all sessions of the user are gone by then. */
  onPasswordReset: (userId: string) => Promise<void>;
}

export type Auth = ReturnType<typeof createAuth>;

/**
 * better-auth on our tables. Its own HTTP endpoints are not served: the GraphQL mutations call it directly, so there
 * is one way in. A session's token is signed, in the cookie and as a bearer token alike, so that a copy of the database
 * alone signs nobody in.
 */
export function createAuth({ config, db, publicUrl, mailer, onPasswordReset }: AuthOptions) {
  return betterAuth({
    appName: 'Skyferry',
    baseURL: publicUrl,
    secret: config.AUTH_SECRET,
    database: prismaAdapter(db, { provider: 'postgresql', transaction: true }),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: passwordLength.min,
      maxPasswordLength: passwordLength.max,
      revokeSessionsOnPasswordReset: true,
      resetPasswordTokenExpiresIn: resetTokenSeconds,
      ...(mailer && {
        sendResetPassword: async ({ user, token }: { user: { email: string; name: string }; token: string }) => {
          // Not awaited: the answer must take as long for an address that nobody has.
          void mailer.sendPasswordReset(user, `${publicUrl}/reset-password?token=${encodeURIComponent(token)}`);
        },
      }),
      onPasswordReset: ({ user }: { user: { id: string } }) => onPasswordReset(user.id),
    },
    user: {
      additionalFields: {
        role: { type: 'string', input: false, required: false },
        tier: { type: 'string', input: false, required: false },
      },
    },
    account: { modelName: 'authAccount' },
    verification: { storeIdentifier: 'hashed' },
    session: { expiresIn: sessionSeconds, updateAge: sessionUpdateSeconds },
    databaseHooks: {
      user: {
        create: {
          before: async (user) => {
            const role = roleOfNewUser.getStore();
            return { data: role === undefined ? user : { ...user, role } };
          },
        },
      },
    },
    advanced: {
      cookiePrefix: 'skyferry',
      useSecureCookies: publicUrl.startsWith('https://'),
      database: { generateId: () => uuidv7() },
      ipAddress: { ipAddressHeaders: [addressHeader] },
    },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    // Its messages name e-mail addresses, and whether they are known; whatever fails is thrown as well.
    logger: { disabled: true },
    plugins: [bearer({ requireSignature: true })],
  });
}

/** Headers for a call to better-auth: the caller's own and its address as we see it. */
export function authHeaders(request: Headers, clientAddress: string): Headers {
  const headers = new Headers();
  for (const name of ['cookie', 'authorization', 'user-agent']) {
    const value = request.get(name);
    if (value !== null) headers.set(name, value);
  }
  headers.set(addressHeader, clientAddress);
  return headers;
}

/** The session behind a request's cookie or bearer token. */
export interface SessionState {
  sessionId: string;
  expiresAt: Date;
  viewer: User;
  /** Set-Cookie values that prolong the cookie. */
  cookies: string[];
}

/** null when the request carries no valid session. Rejects while Postgres is away. */
export async function findSession(auth: Auth, headers: Headers): Promise<SessionState | null> {
  if (!headers.has('cookie') && !headers.has('authorization')) return null;
  const { response, headers: answered } = await auth.api.getSession({ headers, returnHeaders: true });
  if (response === null) return null;
  const { session, user } = response;
  return {
    sessionId: session.id,
    expiresAt: session.expiresAt,
    viewer: {
      ...user,
      image: user.image ?? null,
      role: user.role === 'ADMIN' ? 'ADMIN' : 'MEMBER',
      tier: user.tier ?? defaultTier,
    },
    cookies: answered.getSetCookie(),
  };
}
