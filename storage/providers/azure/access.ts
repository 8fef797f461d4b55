import { StorageSharedKeyCredential } from '@azure/storage-blob';
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
