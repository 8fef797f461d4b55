import type { CloudAccount as CloudAccountRow } from '../../core/db.ts';
import { CloudAccount } from './cloud-account.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';

/** Longest name of an account. */
export const maxNameLength = 100;

/** What a mutation answers that is about one account. */
export const accountOutput = (t: PayloadFields<PayloadShape<CloudAccountRow>>) => ({
  account: t.field({
    type: CloudAccount,
    nullable: true,
    description: 'The account as it is now. null: see `userErrors`.',
    resolve: ({ result }) => result,
  }),
  userErrors: userErrorsField(t),
});
