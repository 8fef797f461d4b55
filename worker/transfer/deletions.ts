import { AppError } from '../../core/errors.ts';
import type { Location, StorageProvider, Version } from '../../storage/provider.ts';

/** Of one object; resolves to why it is not gone. */
interface Deletion extends PromiseWithResolvers<AppError | null> {
  key: string;
  version: Version;
}

interface Due {
  provider: StorageProvider;
  container: string;
  deletions: Deletion[];
}

/** Sends deletions that are due in the same turn of the event loop in as few requests as their cloud takes. */
export class Deletions {
  readonly #signal: AbortSignal;
  #due: Due[] = [];

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Deletes an object, only as this version where the cloud holds deletions to one. Resolves to why it is not gone; rejects
   * when the request failed as a whole, and then nobody knows.
   */
  delete(provider: StorageProvider, { container, key }: Location, version: Version): Promise<AppError | null> {
    if (this.#due.length === 0) setImmediate(() => this.#send());
    let due = this.#due.find((one) => one.provider === provider && one.container === container);
    if (!due) {
      due = { provider, container, deletions: [] };
      this.#due.push(due);
    }
    const deletion = { key, version, ...Promise.withResolvers<AppError | null>() };
    due.deletions.push(deletion);
    return deletion.promise;
  }

  #send(): void {
    const due = this.#due;
    this.#due = [];
    for (const { provider, container, deletions } of due) {
      const { deletionsAtOnce } = provider.requests;
      for (let at = 0; at < deletions.length; at += deletionsAtOnce) {
        void this.#sendOnce(provider, container, deletions.slice(at, at + deletionsAtOnce));
      }
    }
  }

  async #sendOnce(provider: StorageProvider, container: string, deletions: Deletion[]): Promise<void> {
    try {
      const versions = new Map(deletions.map(({ key, version }) => [key, version]));
      const failures = await deleteVersions(provider, container, versions, this.#signal);
      for (const { key, resolve } of deletions) resolve(failures.get(key) ?? null);
    } catch (error) {
      for (const { reject } of deletions) reject(error);
    }
  }
}

/**
 * Deletes objects, by key, each only as its version where the cloud holds deletions to one. Returns why those that are not
 * gone are there.
 */
export async function deleteVersions(
  provider: StorageProvider,
  container: string,
  versions: ReadonlyMap<string, Version>,
  signal: AbortSignal,
): Promise<Map<string, AppError>> {
  // A folder that is no object has no version.
  const ifMatch = new Map([...versions].filter(([, version]) => Object.keys(version).length > 0));
  const condition = provider.capabilities.conditionalDelete ? { ifMatch } : {};
  const { failed } = await provider.deleteObjects({ container, keys: [...versions.keys()], ...condition }, signal);
  return new Map(failed.map(({ key, code, message }) => [key, new AppError(code, message)]));
}
