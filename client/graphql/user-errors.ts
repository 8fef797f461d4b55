import { graphql } from './graphql.ts';

/** What every mutation answers beside its result: see client/ui/user-errors.ts. */
export const UserErrorsFragment = graphql(`
  fragment UserErrors on UserError {
    field
    code
    message
    remedy
  }
`);
