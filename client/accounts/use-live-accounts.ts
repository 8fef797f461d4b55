import { useEffect, useEffectEvent, useRef } from 'react';
import { graphql } from '../graphql/graphql.ts';
import { useLive } from '../graphql/use-live.ts';
import { useAccounts } from './use-accounts.ts';

const AccountsSubscription = graphql(`
  subscription CloudAccounts {
    cloudAccounts {
      account {
        id
      }
    }
  }
`);

/** At most one reading of the list in this span, however many accounts change. */
const reloadMs = 1_000;

/**
 * The viewer's accounts, read again whenever something about one changes anywhere. An event is taken as a hint only:
 * what the list answers later is never older.
 */
export function useLiveAccounts() {
  const pages = useAccounts();
  const planned = useRef<ReturnType<typeof setTimeout>>(undefined);
  const readAt = useRef(Number.NEGATIVE_INFINITY);
  const read = useEffectEvent(() => {
    planned.current = undefined;
    readAt.current = performance.now();
    pages.reload();
  });
  useEffect(() => () => clearTimeout(planned.current), []);
  const liveState = useLive({
    document: AccountsSubscription,
    variables: {},
    wanted: true,
    onEvent: () => {
      planned.current ??= setTimeout(() => read(), Math.max(0, readAt.current + reloadMs - performance.now()));
    },
  });
  return { ...pages, liveState };
}
