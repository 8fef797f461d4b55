import type { AccessTokens } from './access-tokens.ts';
import type { AddressPolicy } from './address-policy.ts';
import type { Capabilities } from './capabilities.ts';
import type { Credentials } from './credentials.ts';
import type { StorageProvider } from './provider.ts';
import { openAzure } from './providers/azure.ts';
import { openDropbox } from './providers/dropbox.ts';
import { openGcs } from './providers/gcs.ts';
import { openS3 } from './providers/s3.ts';

/** What the operator, not the user, brings along. */
export interface OperatorAccess {
  /** The app that people grant access to their Google account; `tokenOrigin`: a stand-in for Google that the operator named. */
  googleApp?: { clientId: string; clientSecret: string; tokenOrigin?: string } | undefined;
  /** Whether accounts may use the identity of the machine (instance role, managed identity). */
  machineIdentity: boolean;
  /** Where that identity is asked for at Google, if not at the usual address, and the operator's stand-in for Google that it opens too. */
  googleMachine?: { metadataOrigin?: string; standIn?: string } | undefined;
}

export interface OpenOptions {
  addressPolicy: AddressPolicy;
  /** Where access tokens are kept. Default: in this process. */
  tokens?: AccessTokens | undefined;
  /** Default: nothing. */
  operator?: OperatorAccess | undefined;
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
    case 'gcs':
      return openGcs(credentials, options);
    case 'dropbox':
      return openDropbox(credentials, options);
  }
}
