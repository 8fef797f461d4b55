import { useEffect } from 'react';
import { usePages } from '../graphql/use-pages.ts';
import { AccountsQuery } from './account.ts';

/** The viewer's accounts, all of them; people have a handful, so every page is fetched at once. */
export function useAccounts() {
  const pages = usePages({
    document: AccountsQuery,
    variables: {},
    select: (data) => data.viewer?.cloudAccounts,
  });
  const { hasMore, loadingMore, error, loadMore } = pages;
  useEffect(() => {
    if (hasMore && !loadingMore && error === undefined) loadMore();
  });
  return pages;
}
