import { awsHost, awsPartition } from '../core/aws.ts';
import type { CloudAccount } from '../core/db.ts';

/**
 * Names the store behind an account: two accounts of one store see the same containers, whatever their credentials.
 * Containers of AWS are named once for a whole partition, and those of Google or of a compatible store once for its
 * endpoint. A compatible store whose tenants share an endpoint counts as one, because nothing tells them apart for
 * certain. Each person's Dropbox is a store of its own.
 */
export function storeOf({
  provider,
  identity,
  settings,
}: Pick<CloudAccount, 'provider' | 'identity' | 'settings'>): string {
  const { endpoint, region = '' } = settings as { endpoint?: string; region?: string };
  const url = endpoint === undefined ? null : URL.parse(endpoint);
  switch (provider) {
    case 'AZURE':
      // A storage account's name is unique in its cloud. At the endpoint of an emulator it stands in the path.
      return `azure ${url?.host ?? `${identity}.blob.core.windows.net`} ${identity}`;
    case 'DROPBOX':
      return `dropbox ${url?.host ?? ''} ${identity}`;
    case 'GCS':
      // The same as for S3, whose protocol Google speaks at the same address.
      return `at ${placeOf(url ?? new URL('https://storage.googleapis.com'))}`;
    case 'S3':
      return placeOfS3(url ?? new URL(`https://${awsHost(region)}`));
  }
}

function placeOfS3(url: URL): string {
  return awsPartition(url.hostname) ?? `at ${placeOf(url)}`;
}

function placeOf({ host, pathname }: URL): string {
  return host + pathname.replace(/\/+$/, '');
}
