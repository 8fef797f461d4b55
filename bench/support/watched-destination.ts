import { randomBytes } from 'node:crypto';
import { startS3Server } from '../../emulators/s3/server.ts';
import type { BlobStorage, BlobWriter } from '../../emulators/s3/store/blobs.ts';
import { MemoryBlobStorage } from '../../emulators/s3/store/memory-blobs.ts';
import { Store as ServerStore } from '../../emulators/s3/store/store.ts';
import { s3Store } from './stores/s3.ts';
import type { Store } from './stores/store.ts';

/** Longer than anything that counts as a start. */
const patienceMs = 30_000;

/** A local S3 server in this process, so that there is one clock, which tells when the first byte of a body comes. */
export interface WatchedDestination {
  store: Store;
  /** Resolves to when the first byte of the next body has been received, by performance.now(); rejects after 30 s. */
  nextFirstByte(): Promise<number>;
  stop(): Promise<void>;
}

export async function startWatchedDestination(): Promise<WatchedDestination> {
  const blobs = new WatchedBlobs();
  const access = { accessKeyId: 'bench', secretAccessKey: randomBytes(16).toString('hex') };
  const server = await startS3Server({ storage: new ServerStore(blobs), credentials: [access] });
  const store = s3Store({ ...access, endpoint: server.endpoint, bucket: 'bench-watched' }, { keepsCrc32c: true });
  await store.createBucket();
  return { store, nextFirstByte: () => withinPatience(blobs.nextFirstByte()), stop: server.close };
}

/** Keeps bodies in memory. */
class WatchedBlobs implements BlobStorage {
  readonly #blobs = new MemoryBlobStorage();
  #awaited: PromiseWithResolvers<number> | undefined;

  nextFirstByte(): Promise<number> {
    this.#awaited = Promise.withResolvers();
    return this.#awaited.promise;
  }

  createWriter(): BlobWriter {
    const writer = this.#blobs.createWriter();
    return {
      write: (piece) => {
        this.#awaited?.resolve(performance.now());
        return writer.write(piece);
      },
      finish: () => writer.finish(),
      abort: () => writer.abort(),
    };
  }
}

async function withinPatience<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No byte came within ${patienceMs / 1_000} s.`)), patienceMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
