import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import type { VariablesOf } from '../graphql/graphql.ts';
import { useIdempotencyKey } from '../graphql/idempotency.ts';
import type { Options } from './options.ts';
import { PlanTransferMutation } from './order.ts';
import { reportRefusal } from './refusal.ts';
import { type TransferDetail, transferHref } from './transfer.ts';

/** Plans a transfer anew, just as it was ordered, and shows the plan. */
export function usePlanAgain(transfer: TransferDetail) {
  const [{ fetching }, plan] = useMutation(PlanTransferMutation);
  const [, navigate] = useLocation();
  const keyFor = useIdempotencyKey();
  const planAgain = async () => {
    const { source, sourcePaths, destination, destinationPath, name, mode, priority, bandwidthLimit } = transfer;
    const fields = {
      ...{ sourceAccountId: source.id, sourcePaths, destinationAccountId: destination.id, destinationPath },
      ...{ name, mode, priority, bandwidthLimit, options: optionsAgain(transfer.options) },
    };
    const { data, error } = await plan({ input: { ...fields, idempotencyKey: keyFor(fields) } });
    const payload = data?.planTransfer;
    if (payload?.transfer != null) navigate(transferHref(payload.transfer.id));
    else reportRefusal('Not planned', { error, userErrors: payload?.userErrors });
  };
  return { planning: fetching, planAgain };
}

type OptionsInput = NonNullable<VariablesOf<typeof PlanTransferMutation>['input']['options']>;

/** What was chosen, as another order takes it. */
function optionsAgain({ filter, keep, deletionLimit, ...others }: Options): OptionsInput {
  return {
    ...untyped(others),
    filter: { ...untyped(filter), manifest: filter.manifest?.id ?? null },
    keep: untyped(keep),
    deletionLimit: untyped(deletionLimit),
  };
}

/** Without the mark of its type that the cache puts on whatever it reads, and that no input takes. */
function untyped<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== '__typename')) as Fields;
}
