import { graphql, type ResultOf } from '../graphql/graphql.ts';
import { usePages } from '../graphql/use-pages.ts';

const EntriesQuery = graphql(`
  query Entries($account: ID!, $path: String!, $after: String) {
    cloudAccount(id: $account) {
      id
      entries(path: $path, first: 100, after: $after) {
        nodes {
          path
          name
          kind
          size
          modifiedAt
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

type Account = NonNullable<ResultOf<typeof EntriesQuery>['cloudAccount']>;
export type Entry = NonNullable<Account['entries']>['nodes'][number];

/** What lies at `path` of an account, as the cloud lists it now, 100 entries a page. */
export function useEntries(account: string, path: string) {
  return usePages({
    document: EntriesQuery,
    variables: { account, path },
    select: (data) => data.cloudAccount?.entries,
  });
}
