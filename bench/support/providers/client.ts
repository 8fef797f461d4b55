import { Readable } from 'node:stream';
import { createAddressPolicy } from '../../../storage/address-policy.ts';
import type { Capabilities } from '../../../storage/capabilities.ts';
import type { Credentials } from '../../../storage/credentials.ts';
import { bufferedBody, createDigest, streamBody } from '../../../storage/digest.ts';
import { giveBack } from '../../../storage/http/read-memory.ts';
import type { PartReceipt, UploadBody } from '../../../storage/provider.ts';
import { openProvider } from '../../../storage/registry.ts';

/** Where objects lie in every store that the bench starts. */
export const container = 'bench';
export const partBytes = 16 * 1024 * 1024;
/** Bodies up to this size are in memory when they are sent, as the engine has it. */
const heldBytes = 256 * 1024;
/** Parts of a large object under way at a time. */
export const partsAtOnce = 4;

/** One way to use a cloud: the product's adapter, the vendor's SDK, or plain HTTP. All verify what they write alike. */
export interface BenchClient {
  /** Writes an object with one request. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Writes an object in parts of `partBytes`, `partsAtOnce` under way. */
  putLarge(key: string, bytes: Uint8Array): Promise<void>;
  /** Reads an object to its end; its size. */
  get(key: string): Promise<number>;
  close(): Promise<void>;
}

/** What a provider brings to the bench. `served` is what its server tells its clients; plain JSON. */
export interface BenchedProvider<Served> {
  start(): Promise<Served>;
  adapter(served: Served): Promise<BenchClient>;
  sdk(served: Served): Promise<BenchClient>;
  undici(served: Served): Promise<BenchClient>;
}

/**
 * Runs `send` for each part of the bytes, `partsAtOnce` at a time; the last one after all others where it closes the
 * upload. Results in the order of the parts.
 */
export async function inParts<Result>(
  bytes: Uint8Array,
  send: (part: Uint8Array, partNumber: number, offset: number) => Promise<Result>,
  lastCloses = false,
): Promise<Result[]> {
  const count = Math.ceil(bytes.byteLength / partBytes);
  const results: Result[] = [];
  const together = lastCloses ? count - 1 : count;
  let next = 0;
  const sendNext = async () => {
    const index = next++;
    const offset = index * partBytes;
    results[index] = await send(bytes.subarray(offset, offset + partBytes), index + 1, offset);
  };
  const work = async () => {
    while (next < together) await sendNext();
  };
  await Promise.all(Array.from({ length: partsAtOnce }, work));
  if (lastCloses) await sendNext();
  return results;
}

/** Reads a body to its end, in the way that costs a stream least; its length. `done` takes each piece once counted. */
export function drain(body: NodeJS.ReadableStream, done: (chunk: Uint8Array) => void = () => {}): Promise<number> {
  return new Promise((resolve, reject) => {
    let size = 0;
    body.on('data', (chunk: Uint8Array) => {
      size += chunk.byteLength;
      done(chunk);
    });
    body.once('end', () => resolve(size));
    body.once('error', reject);
  });
}

/** The adapter as the engine uses it. `into` is the container, where the provider names its own. */
export async function adapterClient(credentials: Credentials, into = container): Promise<BenchClient> {
  const signal = new AbortController().signal;
  const addressPolicy = createAddressPolicy(['127.0.0.0/8']);
  const first = openProvider(credentials, { addressPolicy });
  const { capabilities } = await first.check(signal);
  await first.close();
  const provider = openProvider(credentials, { addressPolicy, capabilities });
  const metadata = { user: {} };
  return {
    async put(key, bytes) {
      const body = bodyOf(bytes, capabilities, [capabilities.write.singleDigest]);
      await provider.write({ container: into, key, body, metadata }, signal);
    },
    async putLarge(key, bytes) {
      const { partDigest, completeDigest, lastPartCloses } = capabilities.write;
      const session = await provider.beginUpload(
        { container: into, key, sizeBytes: bytes.byteLength, metadata },
        signal,
      );
      const putPart = (part: Uint8Array, partNumber: number, offset: number) =>
        provider.putPart({ session, partNumber, offset, body: bodyOf(part, capabilities, [partDigest]) }, signal);
      const parts: PartReceipt[] = await inParts(bytes, putPart, lastPartCloses);
      const digest = createDigest(completeDigest === null ? [] : [completeDigest]);
      digest.update(bytes);
      await provider.completeUpload({ session, parts, digests: digest.digest() }, signal);
    },
    async get(key) {
      const { stream } = await provider.read({ container: into, key }, signal);
      return drain(stream, giveBack);
    },
    close: () => provider.close(),
  };
}

function bodyOf(
  bytes: Uint8Array,
  { write }: Capabilities,
  wanted: readonly Capabilities['write']['partDigest'][],
): UploadBody {
  const algorithms = wanted.filter((algorithm) => algorithm !== null);
  if (write.digestTiming === 'before' || bytes.byteLength <= heldBytes) return bufferedBody([bytes], algorithms);
  return streamBody(arriving(bytes).body, bytes.byteLength, algorithms);
}

/** A part of a large object as a relay has it: it comes in chunks and goes out as a stream. */
export function arriving(bytes: Uint8Array): { body: Readable; headers: Record<string, string> } {
  return { body: Readable.from(chunksOf(bytes)), headers: { 'content-length': String(bytes.byteLength) } };
}

/** As they come from a socket. */
function* chunksOf(bytes: Uint8Array, size = 64 * 1024): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
