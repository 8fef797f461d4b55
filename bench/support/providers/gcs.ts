import type { Readable } from 'node:stream';
import { Storage } from '@google-cloud/storage';
import { crc32c } from '@node-rs/crc32';
import { Agent, request } from 'undici';
import { startGcsServer } from '../../../emulators/gcs/server.ts';
import {
  adapterClient,
  arriving,
  type BenchClient,
  type BenchedProvider,
  container,
  drain,
  inParts,
} from './client.ts';

interface Served {
  endpoint: string;
  projectId: string;
  serviceAccountKey: string;
}

const app = { clientId: 'bench', clientSecret: 'a secret of the bench', grants: { '1//bench': 'bench@example.com' } };

/** Every contender has the service check each body by its CRC32C, computed by the same native code. */
export const gcs: BenchedProvider<Served> = {
  async start() {
    const server = await startGcsServer({ buckets: [container], apps: [app] });
    const { endpoint, projectId } = server;
    return { endpoint, projectId, serviceAccountKey: server.serviceAccountKey() };
  },
  adapter: ({ endpoint, serviceAccountKey }) => adapterClient({ provider: 'gcs', endpoint, serviceAccountKey }),
  /**
   * Simple uploads with the CRC32C among the metadata, which the service checks: the SDK's own validation computes it
   * in JavaScript. Large objects go the same way: the SDK's uploads in parts read files only, and check each part by
   * MD5 or by that JavaScript.
   */
  async sdk({ endpoint, projectId }): Promise<BenchClient> {
    const storage = new Storage({
      apiEndpoint: endpoint,
      useAuthWithCustomEndpoint: true,
      projectId,
      credentials: {
        type: 'authorized_user',
        client_id: app.clientId,
        client_secret: app.clientSecret,
        refresh_token: '1//bench',
      },
      retryOptions: { autoRetry: false },
    });
    const client = (await storage.authClient.getClient()) as unknown as { endpoints: { oauth2TokenUrl: string } };
    client.endpoints.oauth2TokenUrl = `${endpoint}/token`;
    const bucket = storage.bucket(container);
    const put = (key: string, bytes: Uint8Array) =>
      bucket.file(key).save(bytes, { resumable: false, validation: false, metadata: { crc32c: checksum(bytes) } });
    return {
      put,
      putLarge: put,
      get: (key) => drain(bucket.file(key).createReadStream({ validation: false, decompress: false })),
      close: async () => {},
    };
  },
  async undici({ endpoint }): Promise<BenchClient> {
    const dispatcher = new Agent({ pipelining: 1 });
    const signedIn = await request(`${endpoint}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: '1//bench',
        client_id: app.clientId,
        client_secret: app.clientSecret,
      }).toString(),
      dispatcher,
    });
    const { access_token: token } = (await signedIn.body.json()) as { access_token: string };
    const send = async (
      method: 'GET' | 'PUT' | 'POST',
      key: string,
      query = '',
      headers: Record<string, string> = {},
      body?: Uint8Array | Readable,
    ) => {
      const answer = await request(`${endpoint}/${container}/${key}${query}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        dispatcher,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.statusCode >= 300) throw new Error(await answer.body.text());
      return answer;
    };
    const put = async (key: string, bytes: Uint8Array, query = '') => {
      const hash = { 'x-goog-hash': `crc32c=${checksum(bytes)}` };
      const { body, headers } = query === '' ? { body: bytes, headers: {} } : arriving(bytes);
      const answer = await send('PUT', key, query, { ...hash, ...headers }, body);
      await answer.body.dump();
      return answer.headers.etag as string;
    };
    return {
      async put(key, bytes) {
        await put(key, bytes);
      },
      async putLarge(key, bytes) {
        const begun = await send('POST', key, '?uploads', {}, Buffer.alloc(0));
        const uploadId = /<UploadId>([^<]+)/.exec(await begun.body.text())?.[1] as string;
        const parts = await inParts(bytes, async (part, number) => {
          const etag = await put(key, part, `?partNumber=${number}&uploadId=${encodeURIComponent(uploadId)}`);
          return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`;
        });
        const list = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
        const answer = await send('POST', key, `?uploadId=${encodeURIComponent(uploadId)}`, {}, list);
        await answer.body.dump();
        if (!String(answer.headers['x-goog-hash']).includes(`crc32c=${checksum(bytes)}`)) {
          throw new Error('The object is not what was sent.');
        }
      },
      get: async (key) => drain((await send('GET', key, '', { 'accept-encoding': 'gzip' })).body),
      close: () => dispatcher.close(),
    };
  },
};

function checksum(bytes: Uint8Array): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32c(bytes));
  return value.toString('base64');
}
