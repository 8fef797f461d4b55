import { graphql } from '../graphql/graphql.ts';

export const CreateTransferMutation = graphql(`
  mutation CreateTransfer($input: CreateTransferInput!) {
    createTransfer(input: $input) {
      transfer {
        id
      }
      userErrors {
        field
        code
        message
        remedy
      }
    }
  }
`);

export const PlanTransferMutation = graphql(`
  mutation PlanTransfer($input: PlanTransferInput!) {
    planTransfer(input: $input) {
      transfer {
        id
      }
      userErrors {
        field
        code
        message
        remedy
      }
    }
  }
`);

export const CreateTransferScheduleMutation = graphql(`
  mutation CreateTransferSchedule($input: CreateTransferScheduleInput!) {
    createTransferSchedule(input: $input) {
      schedule {
        id
      }
      userErrors {
        field
        code
        message
        remedy
      }
    }
  }
`);
