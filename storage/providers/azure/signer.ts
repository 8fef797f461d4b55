import {
  type StorageSharedKeyCredential,
  StorageSharedKeyCredentialPolicy,
  type WebResource,
} from '@azure/storage-blob';

/**
 * Adds x-ms-date and the SharedKey authorization to the headers of a request that does not go through the SDK. The
 * SDK's own policy signs, because the order of header names is that of .NET's culture and not of their bytes.
 */
export class SharedKeySigner extends StorageSharedKeyCredentialPolicy {
  constructor(credential: StorageSharedKeyCredential) {
    super(
      { sendRequest: () => Promise.reject(new Error('The signer sends nothing.')) },
      { shouldLog: () => false, log: () => {} },
      credential,
    );
  }

  sign(method: string, url: string, headers: Record<string, string>): void {
    // The members of WebResource that signing reads.
    const request = {
      method,
      url,
      body: undefined,
      headers: {
        get: (name: string) => headers[name.toLowerCase()],
        set: (name: string, value: string) => {
          headers[name.toLowerCase()] = value;
        },
        headersArray: () => Object.entries(headers).map(([name, value]) => ({ name, value })),
      },
    };
    this.signRequest(request as unknown as WebResource);
  }
}
