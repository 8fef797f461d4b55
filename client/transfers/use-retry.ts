import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { graphql, type VariablesOf } from '../graphql/graphql.ts';
import { useIdempotencyKey } from '../graphql/idempotency.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { reportRefusal } from './refusal.ts';
import { transferHref } from './transfer.ts';

const RetryFailedItemsMutation = graphql(
  `
    mutation RetryFailedItems($input: RetryFailedItemsInput!) {
      retryFailedItems(input: $input) {
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

type Filter = NonNullable<VariablesOf<typeof RetryFailedItemsMutation>['input']['filter']>;

/** Tries failed objects of a transfer again, in a follow-up that is shown once it is ordered. */
export function useRetry(transferId: string) {
  const [{ fetching }, retryFailed] = useMutation(RetryFailedItemsMutation);
  const [, navigate] = useLocation();
  const keyFor = useIdempotencyKey();
  const retry = async (filter: Filter = {}) => {
    const fields = { transferId, filter };
    const { data, error } = await retryFailed({ input: { ...fields, idempotencyKey: keyFor(fields) } });
    const payload = data?.retryFailedItems;
    if (payload?.transfer != null) navigate(transferHref(payload.transfer.id));
    else reportRefusal('Not retried', { error, userErrors: payload?.userErrors });
  };
  return { retrying: fetching, retry };
}
