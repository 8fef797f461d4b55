import { graphql, type ResultOf } from '../graphql/graphql.ts';
import { usePages } from '../graphql/use-pages.ts';

const ItemsQuery = graphql(`
  query TransferItems($id: ID!, $states: [TransferItemState!], $after: String) {
    transfer(id: $id) {
      id
      items(first: 50, after: $after, states: $states) {
        nodes {
          id
          ordinal
          state
          sourcePath
          destinationPath
          size
          acknowledgedBytes
          attempts
          startedAt
          finishedAt
          evidence {
            verified
            source {
              kind
              algorithm
              value
            }
            destination {
              kind
              algorithm
              value
            }
          }
          error {
            code
            message
            remedy
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export type Item = NonNullable<ResultOf<typeof ItemsQuery>['transfer']>['items']['nodes'][number];
export type ItemState = Item['state'];
export type EvidenceLeg = NonNullable<Item['evidence']>['source'];

/** The objects of a transfer in the order of planning, 50 a page. `states` undefined: all. */
export function useItems(id: string, states: readonly ItemState[] | undefined) {
  return usePages({
    document: ItemsQuery,
    variables: { id, states: states === undefined ? null : [...states] },
    select: (data) => data.transfer?.items,
  });
}
