import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { AppError } from '../../../core/errors.ts';
import { type AccessTokens, localAccessTokens } from '../../access-tokens.ts';
import type { CredentialsOf } from '../../credentials.ts';
import type { HttpClient } from '../../http.ts';
import type { Endpoint } from '../endpoint.ts';
import { createPrincipal } from './principal.ts';
import { SharedKeySigner } from './signer.ts';

export type AzureCredentials = CredentialsOf<'azure'>;

/** How requests to the service are authorized. */
export interface BlobAccess {
  kind: 'key' | 'sas' | 'principal';
  /** Query string that goes with every request, without `?`; '' for none. */
  sas: string;
  /** The account's key, which signs requests and URLs. */
  key: StorageSharedKeyCredential | undefined;
  /** Adds to the headers what authorizes the request. `url` is the whole of it. */
  authorize(method: string, url: string, headers: Record<string, string>, signal: AbortSignal): Promise<void>;
  /** The service did not know whoever sent these headers. */
  refused(headers: Record<string, string>): void;
}

export function blobAccess(
  credentials: AzureCredentials,
  endpoint: Endpoint,
  http: HttpClient,
  tokens: AccessTokens = localAccessTokens(),
): BlobAccess {
  const { accountName, accountKey, sasToken, clientId } = credentials;
  if (accountKey !== undefined) {
    const key = new StorageSharedKeyCredential(accountName, accountKey);
    const signer = new SharedKeySigner(key);
    const authorize: BlobAccess['authorize'] = async (method, url, headers) => signer.sign(method, url, headers);
    return { kind: 'key', sas: '', key, authorize, refused: () => {} };
  }
  if (clientId === undefined) {
    const sas = (sasToken ?? '').replace(/^\?/, '');
    return { kind: 'sas', sas, key: undefined, authorize: async () => {}, refused: () => {} };
  }
  const refresh = createPrincipal(credentials, endpoint, http);
  return {
    kind: 'principal',
    sas: '',
    key: undefined,
    async authorize(_method, _url, headers, signal) {
      headers.authorization = `Bearer ${await tokens.get(refresh, signal)}`;
    },
    refused(headers) {
      tokens.refused((headers.authorization ?? '').replace(/^Bearer /, ''));
    },
  };
}

/**
 * Throws PERMISSION_DENIED for a shared access signature that says of itself that it writes no blobs ("Create an account
 * SAS", "Create a service SAS"). Keys may do everything; what a stored policy or a role allows, only a write tells.
 */
export function assertSasWrites({ sas }: BlobAccess): void {
  const parameters = new URLSearchParams(sas);
  const permissions = parameters.get('sp');
  const isForObjects = parameters.get('srt')?.includes('o') ?? true;
  if (isForObjects && (permissions === null || /[cw]/.test(permissions))) return;
  throw new AppError(
    'PERMISSION_DENIED',
    'The shared access signature is for writing no blobs. Make one with the permissions to create and write them.',
  );
}
