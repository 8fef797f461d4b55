import { IconBrandAws, IconBrandAzure, IconBrandDropbox, IconBrandGoogle } from '@tabler/icons-react';
import { type FragmentOf, graphql } from '../graphql/graphql.ts';

/** What the app shows of a connected account. */
export const AccountFragment = graphql(`
  fragment Account on CloudAccount {
    id
    provider
    name
    identity
    endpoint
    region
    projectId
    s3 {
      addressing
      storageClass
      serverSideEncryption
      kmsKeyId
      requesterPays
      useMachineIdentity
    }
    capabilities {
      canCopyInside
      canIngestFromUrl
      canPresign
      caseSensitive
      keepsUserMetadata
      keepsContentHeaders
      modificationTimePrecisionMs
      maxObjectBytes
      hashes
      conditionalWrites
      conditionalSingleWrites
    }
    status
    error {
      code
      message
      remedy
    }
    lastCheckedAt
    throttledUntil
  }
`);

export type Account = FragmentOf<typeof AccountFragment>;
export type ProviderName = Account['provider'];

/** How each provider is called, and what its top-level places are called. */
export const providers: Record<
  ProviderName,
  { label: string; short: string; container: string; Icon: typeof IconBrandAws }
> = {
  S3: { label: 'S3', short: 'S3', container: 'bucket', Icon: IconBrandAws },
  AZURE: { label: 'Azure Blob Storage', short: 'Azure', container: 'container', Icon: IconBrandAzure },
  GCS: { label: 'Google Cloud Storage', short: 'Google', container: 'bucket', Icon: IconBrandGoogle },
  DROPBOX: { label: 'Dropbox', short: 'Dropbox', container: 'space', Icon: IconBrandDropbox },
};

/** Every account of the viewer, a page at a time. */
export const AccountsQuery = graphql(
  `
    query Accounts($after: String) {
      viewer {
        id
        cloudAccounts(first: 100, after: $after) {
          nodes {
            ...Account
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [AccountFragment],
);
