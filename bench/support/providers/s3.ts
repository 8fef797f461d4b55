import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { crc32c } from '@node-rs/crc32';
import { SignatureV4 } from '@smithy/signature-v4';
import { Agent, request } from 'undici';
import { startS3Server } from '../../../emulators/s3/server.ts';
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
}

const keys = { accessKeyId: 'bench', secretAccessKey: 'a secret of the bench' };
const region = 'us-east-1';

/** Every contender has each body checked by its CRC32C. */
export const s3: BenchedProvider<Served> = {
  async start() {
    const { endpoint } = await startS3Server({ credentials: [keys], buckets: [container] });
    return { endpoint };
  },
  adapter: ({ endpoint }) => adapterClient({ provider: 's3', region, addressing: 'path', endpoint, ...keys }),
  async sdk({ endpoint }): Promise<BenchClient> {
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: keys,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    const ChecksumAlgorithm = 'CRC32C' as const;
    return {
      async put(Key, Body) {
        await client.send(new PutObjectCommand({ Bucket: container, Key, Body, ChecksumAlgorithm }));
      },
      async putLarge(Key, bytes) {
        const target = { Bucket: container, Key };
        const { UploadId } = await client.send(
          new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' }),
        );
        const Parts = await inParts(bytes, async (Body, PartNumber) => {
          const command = new UploadPartCommand({ ...target, UploadId, PartNumber, Body, ChecksumAlgorithm });
          const { ETag, ChecksumCRC32C } = await client.send(command);
          return { PartNumber, ETag, ChecksumCRC32C };
        });
        await client.send(
          new CompleteMultipartUploadCommand({
            ...target,
            UploadId,
            MultipartUpload: { Parts },
            ChecksumCRC32C: checksum(bytes),
            ChecksumType: 'FULL_OBJECT',
          }),
        );
      },
      async get(Key) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: container, Key }));
        return drain(Body as Readable);
      },
      close: async () => client.destroy(),
    };
  },
  async undici({ endpoint }): Promise<BenchClient> {
    const { hostname, host } = new URL(endpoint);
    const dispatcher = new Agent({ pipelining: 1 });
    const signer = new SignatureV4({
      service: 's3',
      region,
      credentials: keys,
      sha256: Sha256 as never,
      uriEscapePath: false,
      applyChecksum: false,
    });
    const send = async (
      method: 'GET' | 'PUT' | 'POST',
      key: string,
      options: { query?: Record<string, string>; headers?: Record<string, string>; body?: Uint8Array | Readable } = {},
    ) => {
      const { query = {}, body } = options;
      const path = `/${container}/${key}`;
      const signed = await signer.sign({
        method,
        protocol: 'http:',
        hostname,
        path,
        query,
        headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...options.headers },
      });
      const search = new URLSearchParams(query).toString();
      const answer = await request(`${endpoint}${path}${search === '' ? '' : `?${search}`}`, {
        method,
        headers: signed.headers,
        dispatcher,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.statusCode >= 300) throw new Error(await answer.body.text());
      return answer;
    };
    const put = async (key: string, bytes: Uint8Array, query: Record<string, string> = {}) => {
      const { body, headers } = query.partNumber === undefined ? { body: bytes, headers: {} } : arriving(bytes);
      const hash = { 'x-amz-checksum-crc32c': checksum(bytes) };
      const answer = await send('PUT', key, { query, headers: { ...hash, ...headers }, body });
      await answer.body.dump();
      return answer.headers.etag as string;
    };
    return {
      async put(key, bytes) {
        await put(key, bytes);
      },
      async putLarge(key, bytes) {
        const begun = await send('POST', key, {
          query: { uploads: '' },
          headers: { 'x-amz-checksum-algorithm': 'CRC32C', 'x-amz-checksum-type': 'FULL_OBJECT' },
        });
        const uploadId = /<UploadId>([^<]+)/.exec(await begun.body.text())?.[1] as string;
        const parts = await inParts(bytes, async (part, number) => {
          const etag = await put(key, part, { partNumber: String(number), uploadId });
          return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><ChecksumCRC32C>${checksum(part)}</ChecksumCRC32C></Part>`;
        });
        const answer = await send('POST', key, {
          query: { uploadId },
          headers: { 'x-amz-checksum-crc32c': checksum(bytes), 'x-amz-checksum-type': 'FULL_OBJECT' },
          body: Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`),
        });
        await answer.body.dump();
      },
      get: async (key) => drain((await send('GET', key)).body),
      close: () => dispatcher.close(),
    };
  },
};

function checksum(bytes: Uint8Array): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32c(bytes));
  return value.toString('base64');
}

/** Node's own hashes as the signer wants them. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}
