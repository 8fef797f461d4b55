import { AppError } from '../core/errors.ts';
import type { Location, Version } from './provider.ts';

/** CHECKSUM_MISMATCH of an object that was stored before it showed, and that could not be removed again. */
export class DamagedObjectRemains extends AppError {
  /** The damaged state. */
  readonly version: Version;

  /** @param cause The mismatch. */
  constructor({ container, key }: Location, version: Version, cause: unknown) {
    const text = `The bytes that arrived at ${container}/${key} are damaged and could not be removed. Delete or replace them.`;
    super('CHECKSUM_MISMATCH', text, { cause });
    this.version = version;
  }
}
