import { type FragmentOf, graphql } from '../graphql/graphql.ts';

/** What was chosen about a transfer, or about those of a schedule. */
export const OptionsFragment = graphql(`
  fragment Options on TransferOptions {
    conflictPolicy
    filter {
      include
      exclude
      minSize
      maxSize
      modifiedAfter
      modifiedBefore
      olderThan
      newerThan
      manifest {
        id
        pathCount
      }
    }
    keep {
      contentType
      userMetadata
      modifiedAt
      emptyFolders
      tags
    }
    names
    verification
    maxTries
    concurrency
    deletionLimit {
      objects
      share
    }
    routes
  }
`);

export type Options = FragmentOf<typeof OptionsFragment>;
