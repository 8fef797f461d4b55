import { APIError } from 'better-auth/api';
import { AppError } from '../../core/errors.ts';
import { isStorable } from '../../core/text.ts';
import { audit } from '../audit.ts';
import { authHeaders } from '../auth/auth.ts';
import { builder } from '../builder.ts';
import { attempt } from '../errors.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';
import { assertPassword, parseEmail } from './session.ts';

builder.relayMutationField(
  'requestPasswordReset',
  {
    description: 'Whose password is forgotten.',
    inputFields: (t) => ({
      email: t.string({ required: true, description: 'E-mail address that one signs in with.' }),
    }),
  },
  {
    description:
      'Mails a link for a new password, good for one hour, if there is a user of this address; the answer does not tell. NOT_SUPPORTED where no mail server is set up.',
    resolve: (_root, { input }, context) =>
      attempt(async (): Promise<true> => {
        const { auth, db, limits, mailer } = context.services;
        if (mailer === null) {
          throw new AppError('NOT_SUPPORTED', 'This Skyferry has no mail server (SMTP_URL). Ask its operator.');
        }
        const email = parseEmail(input.email);
        await limits.count('resetByAddress', context.clientAddress);
        await limits.count('resetByEmail', email);
        await auth.api.requestPasswordReset({ body: { email } });
        await audit(db, context, 'user.password-reset-requested', { type: 'user', id: null });
        return true;
      }),
  },
  {
    description: 'Whether the request was taken.',
    outputFields: (t: PayloadFields<PayloadShape<true>>) => ({
      requested: t.boolean({
        description: 'Whether a mail goes out if there is such a user.',
        resolve: ({ result }) => result === true,
      }),
      userErrors: userErrorsField(t),
    }),
  },
);

builder.relayMutationField(
  'resetPassword',
  {
    description: 'The new password and the right to set it.',
    inputFields: (t) => ({
      token: t.string({ required: true, description: 'Token out of the mailed link. Works once.' }),
      password: t.string({ required: true, description: 'New password, 10 to 128 characters.' }),
    }),
  },
  {
    description:
      'Sets a new password with the token of a mailed link and ends all sessions of the user. INVALID_INPUT for a token that is wrong, used or older than an hour.',
    resolve: (_root, { input }, context) =>
      attempt(async (): Promise<true> => {
        assertPassword(input.password);
        const { auth, db, limits } = context.services;
        await limits.count('resetByAddress', context.clientAddress);
        // Postgres would not even look for it.
        if (!isStorable(input.token)) throw wrongLink();
        try {
          await auth.api.resetPassword({
            body: { token: input.token, newPassword: input.password },
            headers: authHeaders(new Headers(), context.clientAddress),
          });
        } catch (error) {
          if (!(error instanceof APIError) || error.statusCode >= 500) throw error;
          throw wrongLink(error);
        }
        await audit(db, context, 'user.password-reset', { type: 'user', id: null });
        return true;
      }),
  },
  {
    description: 'Whether the new password holds.',
    outputFields: (t: PayloadFields<PayloadShape<true>>) => ({
      reset: t.boolean({
        description: 'Whether the password was set. Sign in with it now.',
        resolve: ({ result }) => result === true,
      }),
      userErrors: userErrorsField(t),
    }),
  },
);

function wrongLink(cause?: APIError): AppError {
  const message = 'This link is wrong, was used, or is older than an hour. Ask for another.';
  return new AppError('INVALID_INPUT', message, { field: ['token'], cause });
}
