const MiB = 1024 * 1024;

/** Batches begin small, so that every worker soon has something to do, and grow with the transfer. */
const firstObjects = 64;
const firstBytes = 64 * MiB;
const mostObjects = 200;
const mostBytes = 256 * MiB;
/** As many as clouds delete in one request. */
const mostDeletions = 1_000;
/** After so many batches the next ones are twice as large. */
const doublingBatches = 8;

export interface BatchRecord {
  number: number;
  /** HELD: of deletions, until all listings have ended. */
  state: 'READY' | 'HELD';
  item_count: number;
  size_bytes: number;
}

/** Cuts a run of objects into batches: an object that is larger than a batch's bytes travels alone. */
export class Batching {
  readonly batches: BatchRecord[] = [];
  #next: number;
  #open: BatchRecord | undefined;
  #openDeletions: BatchRecord | undefined;

  /** @param nextNumber Number of the next batch of the transfer. */
  constructor(nextNumber: number) {
    this.#next = nextNumber;
  }

  /** The number of the batch that takes the next object. */
  add(sizeBytes: number): number {
    const factor = 2 ** Math.min(16, Math.floor(this.#next / doublingBatches));
    const maxObjects = Math.min(firstObjects * factor, mostObjects);
    const maxBytes = Math.min(firstBytes * factor, mostBytes);
    let batch = this.#open;
    if (!batch || batch.item_count >= maxObjects || batch.size_bytes + sizeBytes > maxBytes) {
      batch = this.#begin('READY');
    }
    batch.item_count += 1;
    batch.size_bytes += sizeBytes;
    this.#open = batch;
    return batch.number;
  }

  /** The number of the batch that takes the next deletion. */
  addDeletion(): number {
    let batch = this.#openDeletions;
    if (!batch || batch.item_count >= mostDeletions) batch = this.#begin('HELD');
    batch.item_count += 1;
    this.#openDeletions = batch;
    return batch.number;
  }

  /** A number for an object that is not moved: that of the batch it would have been in. */
  get current(): number {
    return this.#open?.number ?? this.#next;
  }

  #begin(state: BatchRecord['state']): BatchRecord {
    const batch: BatchRecord = { number: this.#next, state, item_count: 0, size_bytes: 0 };
    this.#next += 1;
    this.batches.push(batch);
    return batch;
  }
}
