import type { builder } from '../builder.ts';
import type { UserErrorShape } from '../errors.ts';
import { UserError } from './error.ts';

type Types = (typeof builder)['$inferSchemaTypes'];

/** What a mutation's work leads to: a result, or reasons why there is none. */
export interface PayloadShape<Result> {
  result: Result | null;
  userErrors: UserErrorShape[];
}

/** Builder of a payload's fields. */
export type PayloadFields<Shape extends object> = PothosSchemaTypes.ObjectFieldBuilder<Types, Shape>;

/** The field that every mutation's payload has. */
export function userErrorsField<Result>(t: PayloadFields<PayloadShape<Result>>) {
  return t.field({
    type: [UserError],
    description: 'Why nothing was changed, where the caller can mend it. Empty: it was done.',
    resolve: (payload) => payload.userErrors,
  });
}
