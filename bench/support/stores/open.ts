import type { ServerCertificate } from '../../../emulators/authority.ts';
import type { BenchOptions } from '../bench.ts';
import { startRadosgw } from './radosgw.ts';
import { parseStore, type StartedStore, s3Store, startLocalS3 } from './s3.ts';
import type { Store, Stores } from './store.ts';

const buckets = { source: 'bench-source', destination: 'bench-destination' } as const;

/** Two S3 stores: those of `--source` and `--destination`, both on one radosgw with `--server radosgw`, else local servers. */
export async function openS3Stores(options: BenchOptions, directory: string): Promise<Stores> {
  if (options.server === 'radosgw') return openRadosgw(directory);
  if (options.source === undefined && options.destination === undefined) return openLocalS3(directory);
  const started: StartedStore[] = [];
  const open = async (description: string | undefined, bucket: string): Promise<Store> => {
    if (description !== undefined) return s3Store(parseStore(description), { keepsCrc32c: false });
    const server = await startLocalS3(bucket, directory);
    started.push(server);
    return server.store;
  };
  const source = await open(options.source, buckets.source);
  const destination = await open(options.destination, buckets.destination).catch(async (error: unknown) => {
    await stopAll(started);
    throw error;
  });
  return {
    source,
    destination,
    servers: 'as given',
    isLocal: false,
    pids: () => started.map(({ pid }) => pid),
    close: () => stopAll(started),
  };
}

/** Two local S3 servers, over TLS with a certificate. */
export async function openLocalS3(directory: string, certificate?: ServerCertificate): Promise<Stores> {
  const start = (bucket: string) => () => startLocalS3(bucket, directory, certificate);
  return {
    ...(await openStarted(start(buckets.source), start(buckets.destination))),
    servers: certificate ? 'local S3 servers over TLS' : 'local S3 servers',
    ...(certificate && { authority: certificate.authority }),
  };
}

/** Starts the servers of both sides, one after the other. */
export async function openStarted(
  startSource: () => Promise<StartedStore>,
  startDestination: () => Promise<StartedStore>,
): Promise<Omit<Stores, 'servers'>> {
  const source = await startSource();
  const destination = await startDestination().catch(async (error: unknown) => {
    await source.stop();
    throw error;
  });
  return {
    source: source.store,
    destination: destination.store,
    isLocal: true,
    pids: () => [source.pid, destination.pid],
    close: () => stopAll([source, destination]),
  };
}

async function openRadosgw(directory: string): Promise<Stores> {
  const { settings, pids, stop } = await startRadosgw(directory);
  // It takes no CRC32C at its word, and keeps none.
  const store = (bucket: string) => s3Store({ ...settings, bucket }, { keepsCrc32c: false });
  return {
    source: store(buckets.source),
    destination: store(buckets.destination),
    servers: 'one radosgw',
    isLocal: false,
    pids: () => pids,
    close: stop,
  };
}

async function stopAll(started: readonly StartedStore[]): Promise<void> {
  for (const { stop } of started) await stop();
}
