import type { AddressPolicy } from './address-policy.ts';
import type { Credentials } from './credentials.ts';
import type { Capabilities, StorageProvider } from './provider.ts';
import { openAzure } from './providers/azure.ts';
import { openS3 } from './providers/s3.ts';

export interface OpenOptions {
  addressPolicy: AddressPolicy;
  /** As `check` probed them and the account keeps them. Absent: what can be promised without a probe. */
  capabilities?: Capabilities | undefined;
}

/**
 * Opens a provider without a request. Cheap, but it holds sockets: keep one per account and process, and `close` it.
 * Throws ENDPOINT_INVALID for an endpoint that cannot be one.
 */
export function openProvider(credentials: Credentials, options: OpenOptions): StorageProvider {
  switch (credentials.provider) {
    case 's3':
      return openS3(credentials, options);
    case 'azure':
      return openAzure(credentials, options);
  }
}
