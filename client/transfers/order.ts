import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';

export const CreateTransferMutation = graphql(
  `
    mutation CreateTransfer($input: CreateTransferInput!) {
      createTransfer(input: $input) {
        transfer {
          id
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

export const PlanTransferMutation = graphql(
  `
    mutation PlanTransfer($input: PlanTransferInput!) {
      planTransfer(input: $input) {
        transfer {
          id
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

export const CreateTransferScheduleMutation = graphql(
  `
    mutation CreateTransferSchedule($input: CreateTransferScheduleInput!) {
      createTransferSchedule(input: $input) {
        schedule {
          id
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);
