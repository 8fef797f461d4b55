import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blob, BlobStorage, BlobWriter } from './blobs.ts';

const WRITE_BYTES = 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/**
 * Keeps each blob in a file of its own, named by a random id. A blob is private until a record in the ledger names it,
 * so a file that a crash left behind is never visible; `sweep` removes such files at start.
 */
export class DiskBlobStorage implements BlobStorage {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    for (let shard = 0; shard < 256; shard += 1) {
      mkdirSync(join(directory, shard.toString(16).padStart(2, '0')), { recursive: true });
    }
  }

  createWriter(): BlobWriter {
    const id = randomBytes(16).toString('hex');
    return new DiskBlobWriter(id, this.#path(id));
  }

  /** A blob that a record names; its file is opened only when it is read. */
  reopen(id: string, size: number): Blob {
    return new DiskBlob(id, this.#path(id), size);
  }

  /** Deletes every file whose id is not in `known`. */
  sweep(known: ReadonlySet<string>): void {
    for (const shard of readdirSync(this.#directory)) {
      for (const name of readdirSync(join(this.#directory, shard))) {
        if (!known.has(name)) {
          unlinkSync(join(this.#directory, shard, name));
        }
      }
    }
  }

  #path(id: string): string {
    return join(this.#directory, id.slice(0, 2), id);
  }
}

class DiskBlobWriter implements BlobWriter {
  readonly #id: string;
  readonly #path: string;
  #file: FileHandle | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #size = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(id: string, path: string) {
    this.#id = id;
    this.#path = path;
  }

  write(chunk: Buffer): Promise<void> | undefined {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#size += chunk.length;
    return this.#waitingBytes >= WRITE_BYTES ? this.#flush() : undefined;
  }

  async finish(): Promise<Blob> {
    if (this.#size === this.#waitingBytes) {
      // Less than one write: a synchronous write into the page cache costs less than three trips to the thread pool.
      writeFileSync(
        this.#path,
        this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting),
      );
    } else {
      await this.#flush();
      await this.#file?.close();
    }
    return new DiskBlob(this.#id, this.#path, this.#size);
  }

  async abort(): Promise<void> {
    this.#waiting = [];
    await this.#tail.catch(() => {});
    await this.#file?.close();
    await rm(this.#path, { force: true });
  }

  #flush(): Promise<void> {
    const buffers = this.#waiting;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#tail = this.#tail.then(async () => {
      this.#file ??= await open(this.#path, 'wx');
      const { bytesWritten } = await this.#file.writev(buffers);
      if (bytesWritten < bytes) {
        // The system took only a part: the rest goes on by the call that repeats until all is written.
        await this.#file.writeFile(Buffer.concat(buffers).subarray(bytesWritten));
      }
    });
    return this.#tail;
  }
}

class DiskBlob implements Blob {
  readonly id: string;
  readonly size: number;
  readonly #path: string;
  #readers = 0;
  #isDeleted = false;

  constructor(id: string, path: string, size: number) {
    this.id = id;
    this.#path = path;
    this.size = size;
  }

  async *read(start: number, end: number): AsyncGenerator<Buffer> {
    const file = await open(this.#path, 'r');
    try {
      let position = start;
      while (position < end) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, end - position));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) {
          throw new Error(`The blob ${this.id} is shorter than its record says.`);
        }
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  retain(): void {
    this.#readers += 1;
  }

  release(): void {
    this.#readers -= 1;
    this.#unlinkWhenUnused();
  }

  delete(): void {
    this.#isDeleted = true;
    this.#unlinkWhenUnused();
  }

  #unlinkWhenUnused(): void {
    if (this.#isDeleted && this.#readers === 0) {
      unlinkSync(this.#path);
    }
  }
}
