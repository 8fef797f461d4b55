import {
  BlobSASPermissions,
  type BlobServiceClient,
  generateBlobSASQueryParameters,
  SASProtocol,
  type UserDelegationKey,
} from '@azure/storage-blob';
import { AppError } from '../../../core/errors.ts';
import type { Location } from '../../provider.ts';
import { type Endpoint, encodeKey } from '../endpoint.ts';
import type { BlobAccess } from './access.ts';
import { checkContainerName } from './names.ts';
import { callSdk } from './sdk.ts';

/** A key that signs for the principal is kept for so long, and good for a week at most. */
const delegationMs = 86_400_000;
const delegationMaxMs = 7 * delegationMs;

/** URLs that open one blob for reading. */
export class ReadUrls {
  readonly #accountName: string;
  readonly #endpoint: Endpoint;
  readonly #access: BlobAccess;
  readonly #service: BlobServiceClient;
  #delegation: UserDelegationKey | undefined;

  constructor(accountName: string, endpoint: Endpoint, access: BlobAccess, service: BlobServiceClient) {
    this.#accountName = accountName;
    this.#endpoint = endpoint;
    this.#access = access;
    this.#service = service;
  }

  /**
   * Signed by the account's key, or by one that the service gives to the principal, which takes a request once a day
   * ("Create a service SAS", "Create a user delegation SAS"). A SAS token goes along as it is: the URL opens what the
   * token opens, for as long as it lives.
   */
  async make(location: Location, expiresInMs: number, signal: AbortSignal): Promise<string> {
    const { container, key } = location;
    checkContainerName(container);
    const url = `${this.#endpoint.origin}${this.#endpoint.basePath}/${container}/${encodeKey(key)}`;
    if (this.#access.kind === 'sas') return `${url}?${this.#access.sas}`;
    const values = {
      containerName: container,
      blobName: key,
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: new Date(Date.now() + expiresInMs),
      protocol: this.#endpoint.origin.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
    };
    const sas = this.#access.key
      ? generateBlobSASQueryParameters(values, this.#access.key)
      : generateBlobSASQueryParameters(values, await this.#delegationKey(expiresInMs, signal), this.#accountName);
    return `${url}?${sas.toString()}`;
  }

  async #delegationKey(expiresInMs: number, signal: AbortSignal): Promise<UserDelegationKey> {
    const known = this.#delegation;
    if (known && known.signedExpiresOn.getTime() >= Date.now() + expiresInMs) return known;
    const now = Date.now();
    // The clocks may differ: a key that begins a little ago is good at once.
    const end = Math.min(now + Math.max(delegationMs, expiresInMs + 60_000), now + delegationMaxMs);
    try {
      const options = { abortSignal: signal };
      const got = await callSdk(() =>
        this.#service.getUserDelegationKey(new Date(now - 300_000), new Date(end), options),
      );
      this.#delegation = got;
      return got;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'PERMISSION_DENIED') throw error;
      throw new AppError(
        'PERMISSION_DENIED',
        'The service principal may not make URLs. Give it the role Storage Blob Delegator on the storage account.',
        { cause: error },
      );
    }
  }
}
