import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DiskBlobStorage } from './disk-blobs.ts';
import { DiskLedger } from './disk-ledger.ts';
import { MemoryBlobStorage } from './memory-blobs.ts';
import { Store } from './store.ts';

/** A store in `directory`, with what it holds from earlier runs, or in memory when there is no directory. */
export function openStore(directory: string | undefined): Store {
  if (directory === undefined) {
    return new Store(new MemoryBlobStorage());
  }
  mkdirSync(directory, { recursive: true });
  const blobs = new DiskBlobStorage(join(directory, 'blobs'));
  return new Store(blobs, new DiskLedger(directory, blobs));
}
