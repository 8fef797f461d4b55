import { APIError } from 'better-auth/api';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { parseName } from '../../core/text.ts';
import { audit } from '../audit.ts';
import { authHeaders, passwordLength } from '../auth/auth.ts';
import { signUpFirstOr } from '../auth/sign-up.ts';
import { builder } from '../builder.ts';
import type { Context, Viewer } from '../context.ts';
import { attempt, type UserErrorShape } from '../errors.ts';
import { UserError } from './error.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';
import { User } from './user.ts';

interface SignedIn {
  user: Viewer;
  token: string;
}

const signedInOutput = (t: PayloadFields<PayloadShape<SignedIn>>) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: 'The user, signed in. null: see `userErrors`.',
    resolve: ({ result }, _args, context) => signedInUser(result, context),
  }),
  token: t.string({
    nullable: true,
    description:
      'Token for `Authorization: Bearer <token>`, good for 7 days from its last use. Keep it secret. null: see `userErrors`.',
    resolve: ({ result }) => result?.token ?? null,
  }),
  userErrors: userErrorsField(t),
});

/** Addresses are kept and compared in lower case. Throws INVALID_INPUT. */
export function parseEmail(text: string): string {
  const parsed = z.email().max(254).safeParse(text.trim().toLowerCase());
  if (parsed.success) return parsed.data;
  throw new AppError('INVALID_INPUT', 'This is not an e-mail address.', { field: ['email'] });
}

/** Throws INVALID_INPUT. */
export function assertPassword(password: string): void {
  const { min, max } = passwordLength;
  if (password.length >= min && password.length <= max) return;
  throw new AppError('INVALID_INPUT', `A password has ${min} to ${max} characters.`, { field: ['password'] });
}

/** Longest name of a user. */
const maxNameLength = 100;

builder.relayMutationField(
  'signUp',
  {
    description: 'Who wants to use Skyferry.',
    inputFields: (t) => ({
      email: t.string({ required: true, description: 'E-mail address, at most 254 characters. Case does not matter.' }),
      password: t.string({ required: true, description: 'Password, 10 to 128 characters.' }),
      name: t.string({ required: true, description: 'Name to be greeted with, 1 to 100 characters.' }),
    }),
  },
  {
    description:
      'Makes a user and signs him in: sets the session cookie and returns a token. The first user of an installation becomes its administrator.',
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const body = {
          email: parseEmail(input.email),
          password: input.password,
          name: parseName(input.name, maxNameLength),
        };
        assertPassword(body.password);
        const { services, clientAddress } = context;
        await services.limits.count('signUpByAddress', clientAddress);
        const signUp = () => createUser(context, body);
        const signedIn = await signUpFirstOr(services.db, signUp, () => {
          if (services.config.SIGN_UP === 'closed') {
            throw new AppError('SIGN_UP_CLOSED', 'Nobody new can sign up here.');
          }
          return signUp();
        });
        await audit(services.db, context, 'user.sign-up', { type: 'user', id: signedIn.user.id }, {}, signedIn.user.id);
        return signedIn;
      }),
  },
  { description: 'The user who signed up.', outputFields: signedInOutput },
);

async function createUser(
  context: Context,
  body: { email: string; password: string; name: string },
): Promise<SignedIn> {
  const { auth, db } = context.services;
  try {
    const answer = await auth.api.signUpEmail({ body, headers: anonymousHeaders(context), returnHeaders: true });
    return begin(context, answer);
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    // better-auth hides why a user could not be written: somebody was faster, or the database is away.
    const taken = await db.user.findUnique({ where: { email: body.email }, select: { id: true } });
    if (taken === null) throw error;
    throw new AppError('CONFLICT', 'Somebody has signed up with this e-mail address. Sign in instead.', {
      field: ['email'],
      cause: error,
    });
  }
}

builder.relayMutationField(
  'signIn',
  {
    description: 'Who signs in.',
    inputFields: (t) => ({
      email: t.string({ required: true, description: 'E-mail address. Case does not matter.' }),
      password: t.string({ required: true, description: 'Password of the user.' }),
    }),
  },
  {
    description:
      'Signs in: sets the session cookie and returns a token. A wrong password and an unknown address answer alike (SIGN_IN_REFUSED); after 10 failures for an address from one place, 100 for it from everywhere or 50 for any from one place within 15 minutes, RATE_LIMITED.',
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const email = parseEmail(input.email);
        const { clientAddress } = context;
        const { auth, db, limits } = context.services;
        await limits.count('signInByAddress', clientAddress);
        // Before the limit of all places, so that one place alone cannot use that up.
        await limits.count('signInByEmailAndAddress', `${email} ${clientAddress}`);
        await limits.count('signInByEmail', email);
        try {
          const body = { email, password: input.password };
          const answer = await auth.api.signInEmail({ body, headers: anonymousHeaders(context), returnHeaders: true });
          const signedIn = await begin(context, answer);
          await limits.forget('signInByEmailAndAddress', `${email} ${clientAddress}`);
          // Others' failures stay counted: the owner's own success says nothing about them.
          await limits.giveBack('signInByEmail', email);
          await limits.giveBack('signInByAddress', clientAddress);
          await audit(db, context, 'user.sign-in', { type: 'user', id: signedIn.user.id }, {}, signedIn.user.id);
          return signedIn;
        } catch (error) {
          if (!(error instanceof APIError) || error.statusCode >= 500) throw error;
          await audit(db, context, 'user.sign-in-failed', { type: 'user', id: null });
          throw new AppError('SIGN_IN_REFUSED', 'E-mail address or password is wrong.', { cause: error });
        }
      }),
  },
  { description: 'Who signed in.', outputFields: signedInOutput },
);

/** The session that the request may carry already plays no part in beginning another one. */
function anonymousHeaders(context: Context): Headers {
  const headers = authHeaders(context.headers, context.clientAddress);
  headers.delete('cookie');
  headers.delete('authorization');
  return headers;
}

/** Takes over what better-auth answered: cookie, signed token, user. */
async function begin(
  context: Context,
  answer: { headers: Headers; response: { user: { id: string } } },
): Promise<SignedIn> {
  const token = answer.headers.get('set-auth-token');
  if (token === null) throw new Error('better-auth began a session without a token.');
  context.responseCookies.push(...answer.headers.getSetCookie());
  const user = await context.services.db.user.findUniqueOrThrow({ where: { id: answer.response.user.id } });
  return { user, token };
}

/** From here on the operation is the user's own. */
function signedInUser(result: SignedIn | null, context: Context): Viewer | null {
  if (result === null) return null;
  context.viewer = result.user;
  return result.user;
}

const SignOutPayload = builder
  .objectRef<{ signedOut: boolean; userErrors: UserErrorShape[] }>('SignOutPayload')
  .implement({
    description: 'Whether a session was ended.',
    fields: (t) => ({
      signedOut: t.exposeBoolean('signedOut', { description: 'Whether there was a session to end.' }),
      userErrors: t.expose('userErrors', {
        type: [UserError],
        description: 'Always empty: ending a session cannot go wrong in a way that the caller can mend.',
      }),
    }),
  });

builder.mutationField('signOut', (t) =>
  t.field({
    type: SignOutPayload,
    description:
      'Ends the session of the request, its cookie and token with it. Live connections of the session end within seconds. Idempotent.',
    resolve: async (_root, _args, context) => {
      const { services, sessionId, viewer } = context;
      if (sessionId === null || viewer === null) return { signedOut: false, userErrors: [] };
      const headers = authHeaders(context.headers, context.clientAddress);
      const answer = await services.auth.api.signOut({ headers, returnHeaders: true });
      context.responseCookies.push(...answer.headers.getSetCookie());
      await services.sessions.announceEnd({ sessionId });
      await audit(services.db, context, 'user.sign-out', { type: 'user', id: viewer.id });
      return { signedOut: true, userErrors: [] };
    },
  }),
);
