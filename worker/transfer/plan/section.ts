import { toAppError } from '../../../core/errors.ts';
import { destinationPrefix, type Rename, type StoragePath } from '../../../queue/path.ts';
import type { Entry, Page, StorageProvider } from '../../../storage/provider.ts';
import { listSource, statEntry } from './sources.ts';

/** One source path of a transfer, with the place at the destination where what lies below it arrives. */
export class Section {
  readonly source: StoragePath;
  readonly destination: StoragePath;
  /** What all keys of the section begin with at the destination; of a single object, its key. */
  readonly destinationPrefix: string;
  readonly #rename: Rename;

  /** `rename`: what names become at the destination; default: they stay as they are. */
  constructor(source: StoragePath, destination: StoragePath, rename: Rename = (name) => name) {
    this.source = source;
    this.destination = destination;
    this.destinationPrefix = destinationPrefix(source, destination, rename);
    this.#rename = rename;
  }

  /** Where an object of the source arrives. */
  destinationKeyOf(sourceKey: string): string {
    if (this.source.kind === 'object') return this.destinationPrefix;
    return this.destinationPrefix + this.#rename(this.pathOf(sourceKey), this.destinationPrefix);
  }

  /** Path of a source's object below the source path: what globs are held against. */
  pathOf(sourceKey: string): string {
    return this.source.kind === 'object' ? this.#lastName(sourceKey) : sourceKey.slice(this.source.key.length);
  }

  /** The same of what is at the destination. */
  pathAt(destinationKey: string): string {
    return this.source.kind === 'object'
      ? this.#lastName(this.source.key)
      : destinationKey.slice(this.destinationPrefix.length);
  }

  /** The key of an object of the source by its path below the source path: `pathOf` turned round. */
  sourceKeyOf(path: string): string {
    const { kind, key } = this.source;
    return kind === 'object' ? key : key + path;
  }

  /** Whether the path, `container/key`, lies below the source path. */
  covers(path: string): boolean {
    const { container, kind, key } = this.source;
    return kind === 'object' ? path === `${container}/${key}` : path.startsWith(`${container}/${key}`);
  }

  /** `folders`: with those that are no objects. */
  listSource(
    provider: StorageProvider,
    cursor: string | null,
    folders: true | undefined,
    signal: AbortSignal,
  ): Promise<Page<Entry>> {
    return listSource(provider, this.source, cursor, folders, signal);
  }

  /** What is at the destination already, in the section's place. A place that is not there holds nothing. */
  async listDestination(provider: StorageProvider, cursor: string | null, signal: AbortSignal): Promise<Page<Entry>> {
    const { container } = this.destination;
    try {
      if (this.source.kind === 'object') {
        const entry = await statEntry(provider, { container, key: this.destinationPrefix }, signal);
        return { items: [entry], nextCursor: null };
      }
      // A marker of the source is made as a folder where folders are real, and has to be found again as one.
      const folders = provider.capabilities.folders === 'real' || undefined;
      const place = { container, prefix: this.destinationPrefix, folders };
      return await provider.list({ ...place, ...(cursor !== null && { cursor }) }, signal);
    } catch (error) {
      if (toAppError(error).code === 'OBJECT_NOT_FOUND') return { items: [], nextCursor: null };
      throw error;
    }
  }

  #lastName(key: string): string {
    return key.slice(key.lastIndexOf('/') + 1);
  }
}
