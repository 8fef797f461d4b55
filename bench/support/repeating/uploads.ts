import type { Observer, RequestInfo } from '../../../emulators/s3/observer.ts';

/** What a destination has of one object that is not complete. */
interface Progress {
  acknowledgedParts: number;
  openParts: number;
}

/** Follows the uploads of a server by its own requests. */
export class Uploads {
  readonly #objects = new Map<string, Progress>();

  constructor(observer: Observer) {
    observer.on('arrived', (request) => {
      if (request.operation === 'UploadPart') this.#of(request).openParts += 1;
      if (request.operation === 'CompleteMultipartUpload') this.#objects.delete(request.key as string);
    });
    observer.on('finished', (request) => {
      if (request.operation !== 'UploadPart') return;
      const progress = this.#objects.get(request.key as string);
      if (!progress) return;
      progress.openParts -= 1;
      if (request.status === 200) progress.acknowledgedParts += 1;
    });
  }

  /** Keys of the objects with parts acknowledged, not complete, and with a stream on its way here. */
  get underWay(): string[] {
    return [...this.#objects].flatMap(([key, { acknowledgedParts, openParts }]) =>
      acknowledgedParts > 0 && openParts > 0 ? [key] : [],
    );
  }

  /** Keys of the objects, not complete, with a stream on its way here. */
  get receiving(): string[] {
    return [...this.#objects].flatMap(([key, { openParts }]) => (openParts > 0 ? [key] : []));
  }

  #of({ key }: RequestInfo): Progress {
    const found = this.#objects.get(key as string) ?? { acknowledgedParts: 0, openParts: 0 };
    this.#objects.set(key as string, found);
    return found;
  }
}
