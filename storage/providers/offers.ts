import { AppError } from '../../core/errors.ts';
import type { Capabilities } from '../capabilities.ts';
import type { CopyRequest, PresignRequest } from '../provider.ts';
import { requireConditional } from './body.ts';

/** Throws NOT_SUPPORTED or OBJECT_TOO_LARGE for what `copy` does not take: other schemes, other stores, objects that are too large. */
export function requireOffer({ copy }: Capabilities, store: string, request: CopyRequest): void {
  const { offer, precondition } = request;
  if (copy === null) throw new AppError('NOT_SUPPORTED', 'This store does not copy inside itself.');
  if (offer.scheme !== copy.scheme || offer.store !== store) {
    throw new AppError('NOT_SUPPORTED', 'The object is at another store, from which this one cannot copy.');
  }
  requireConditional(copy.conditional, precondition);
  if (offer.sizeBytes > copy.maxBytes) {
    throw new AppError('OBJECT_TOO_LARGE', 'The store does not copy objects of this size.');
  }
}

export function sourceChanged(cause: unknown): AppError {
  return new AppError('OBJECT_CHANGED', 'The object has changed since it was listed.', { cause });
}

/** Seconds that a URL is to live. Throws NOT_SUPPORTED, or INVALID_INPUT for another life than the capabilities say. */
export function presignedSeconds({ presign }: Capabilities, { expiresInMs }: PresignRequest): number {
  if (presign === null) throw new AppError('NOT_SUPPORTED', 'These credentials cannot make URLs for one object.');
  const { minExpiresMs, maxExpiresMs } = presign;
  if (!(expiresInMs >= minExpiresMs && expiresInMs <= maxExpiresMs)) {
    throw new AppError('INVALID_INPUT', `A URL lives between ${minExpiresMs / 1000} s and ${maxExpiresMs / 1000} s.`);
  }
  return Math.floor(expiresInMs / 1000);
}

/** Throws INVALID_INPUT for the key of a folder that does not end in `/`. */
export function requireFolderKey(key: string): void {
  if (!key.endsWith('/')) throw new AppError('INVALID_INPUT', 'The key of a folder ends in a slash.');
}
