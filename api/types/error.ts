import { errorCodes } from '../../core/errors.ts';
import { builder } from '../builder.ts';
import { errorTable } from '../error-table.ts';
import type { StoredErrorShape, UserErrorShape } from '../errors.ts';

export const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description:
    'Everything that can go wrong, in `userErrors`, in `extensions.code` and with transfers. New codes may be added.',
  values: Object.fromEntries(
    errorCodes.map((code) => [code, { value: code, description: errorTable[code].description }]),
  ) as Record<(typeof errorCodes)[number], { value: (typeof errorCodes)[number]; description: string }>,
});

export const UserError = builder.objectRef<UserErrorShape>('UserError').implement({
  description: 'Why a mutation did not do what was asked, where the caller can mend it.',
  fields: (t) => ({
    field: t.exposeStringList('field', {
      nullable: true,
      description: 'Path of the input field at fault, such as ["input", "name"]. null: no single field is.',
    }),
    code: t.expose('code', { type: ErrorCodeEnum, description: 'What went wrong, for programs.' }),
    message: t.exposeString('message', { description: 'What went wrong, for people.' }),
    remedy: t.exposeString('remedy', { description: 'What to do about it, for people.' }),
  }),
});

export const TransferError = builder.objectRef<StoredErrorShape>('TransferError').implement({
  description: 'Why an account, a transfer or one of its objects failed.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'What went wrong, for programs.' }),
    message: t.exposeString('message', { description: 'What went wrong, for people.' }),
    remedy: t.exposeString('remedy', { description: 'What to do about it, for people.' }),
  }),
});
