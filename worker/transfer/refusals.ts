import type { AppError } from '../../core/errors.ts';
import type { Item } from './item.ts';

/** A destination that had no room for so many objects counts as full. */
const mostUnfit = 10;

type Sized = Pick<Item, 'action' | 'sizeBytes'>;

/**
 * What the destination of a transfer has refused in this process and would refuse again, so that no source is read for it in
 * vain. A try by its owner, once that is mended, is another transfer.
 */
export class Refusals {
  /** Why the destination's container takes nothing, and has nothing any more; null: nobody missed it. */
  gone: AppError | null = null;
  /** Objects that there was no room for, with the smallest of them and what was said of it. */
  #unfit = { objects: 0, sizeBytes: Number.POSITIVE_INFINITY, error: null as AppError | null };

  /** Why the object would be refused; null: it may be taken. */
  of({ action, sizeBytes }: Sized): AppError | null {
    if (this.gone !== null) return this.gone;
    const isWritten = action !== 'DELETE' && action !== 'COMPARE';
    const { objects, error } = this.#unfit;
    return isWritten && objects >= mostUnfit && sizeBytes >= this.#unfit.sizeBytes ? error : null;
  }

  /** There was no room for the object. */
  unfit({ sizeBytes }: Sized, error: AppError): void {
    const { objects, sizeBytes: smallest } = this.#unfit;
    this.#unfit = { objects: objects + 1, sizeBytes: Math.min(smallest, sizeBytes), error };
  }

  /** There was. */
  took({ sizeBytes }: Sized): void {
    if (sizeBytes < this.#unfit.sizeBytes) return;
    this.#unfit = { objects: 0, sizeBytes: Number.POSITIVE_INFINITY, error: null };
  }
}
