import { createHash, randomBytes } from 'node:crypto';

/** A bucket or container that a bench reads from or writes to, as the bench itself reaches it. */
export interface Store {
  readonly bucket: string;
  /** What `connectAccount` takes. */
  readonly credentials: object;
  /** rclone's settings of a remote, by their names in its configuration file. */
  readonly remote: Readonly<Record<string, string>>;
  /** Makes the bucket; one that exists is a success. */
  createBucket(): Promise<void>;
  /** Writes an object with a CRC32C beside it where the store keeps one. */
  put(key: string, body: Buffer): Promise<void>;
  read(key: string): Promise<AsyncIterable<Uint8Array>>;
  list(prefix: string): Promise<string[]>;
  remove(keys: readonly string[]): Promise<void>;
}

/** The two stores of a race, with the servers behind them. */
export interface Stores {
  source: Store;
  destination: Store;
  /** What the storage servers are, for the report. */
  servers: string;
  /** Whether servers written here are at both ends; goals differ elsewhere. */
  isLocal: boolean;
  /** Process ids of the storage servers that run now; empty: somebody else runs them. */
  pids(): readonly number[];
  /** File of the authority that their certificates are from. */
  authority?: string;
  /** Stops the servers that the bench started. */
  close(): Promise<void>;
}

/** An object of the bench's data set. */
export interface BenchObject {
  key: string;
  sizeBytes: number;
  sha256: string;
}

/** Makes the bucket and fills it with objects of these sizes; random bytes, so nothing compresses. */
export async function fill(store: Store, prefix: string, sizes: readonly number[]): Promise<BenchObject[]> {
  await store.createBucket();
  const objects = sizes.map((sizeBytes, index) => ({
    key: `${prefix}${String(index % 16).padStart(2, '0')}/${String(index).padStart(6, '0')}.bin`,
    sizeBytes,
    sha256: '',
  }));
  await someAtOnce(objects, async (object) => {
    const body = randomBytes(object.sizeBytes);
    object.sha256 = createHash('sha256').update(body).digest('hex');
    await store.put(object.key, body);
  });
  return objects;
}

/** Does the same with each, a few at a time. */
async function someAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const workOff = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, workOff));
}

/** Throws unless every object of the data set lies below `prefix` with the same SHA-256, and nothing else does. */
export async function verify(
  store: Store,
  from: string,
  prefix: string,
  objects: readonly BenchObject[],
): Promise<void> {
  const found = await store.list(prefix);
  if (found.length !== objects.length) throw new Error(`${found.length} objects arrived, not ${objects.length}`);
  await someAtOnce(objects, async (object) => {
    const key = prefix + object.key.slice(from.length);
    const hash = createHash('sha256');
    for await (const chunk of await store.read(key)) hash.update(chunk);
    if (hash.digest('hex') !== object.sha256) throw new Error(`${key} arrived with other bytes`);
  });
}

/** Deletes everything below `prefix`. */
export async function clear(store: Store, prefix: string): Promise<void> {
  await store.remove(await store.list(prefix));
}
