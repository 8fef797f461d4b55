import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../core/errors.ts';
import { throwIfCancelled } from '../http.ts';
import type { DeleteResult, StorageProvider, UploadBody } from '../provider.ts';

/** Longest that one call waits, in milliseconds, all of its attempts together. */
const maxWaitMs = 120_000;
const firstPauseMs = 500;
const maxPauseMs = 16_000;

/**
 * A provider that waits when its cloud asks to slow down, for as long as the cloud says or else longer each time, and
 * calls again: real clouds throttle whoever tests them, which proves nothing about the provider. What was throttled
 * was not done, so that calls which are not idempotent are repeated safely. THROTTLED is left to those whose wait would
 * exceed two minutes.
 */
export function patient(provider: StorageProvider): StorageProvider {
  return {
    store: provider.store,
    requests: provider.requests,
    capabilities: provider.capabilities,
    check: (signal) => patiently(signal, () => provider.check(signal)),
    revokeGrant: (signal) => patiently(signal, () => provider.revokeGrant(signal)),
    listContainers: (request, signal) => patiently(signal, () => provider.listContainers(request, signal)),
    list: (request, signal) => patiently(signal, () => provider.list(request, signal)),
    stat: (location, signal) => patiently(signal, () => provider.stat(location, signal)),
    readTags: (request, signal) => patiently(signal, () => provider.readTags(request, signal)),
    read: (request, signal) => patiently(signal, () => provider.read(request, signal)),
    write: (request, signal) =>
      repeatable(request.body, (next) => patiently(signal, () => provider.write({ ...request, body: next() }, signal))),
    assertWritable: (location, signal) => patiently(signal, () => provider.assertWritable(location, signal)),
    beginUpload: (request, signal) => patiently(signal, () => provider.beginUpload(request, signal)),
    putPart: (request, signal) =>
      repeatable(request.body, (next) =>
        patiently(signal, () => provider.putPart({ ...request, body: next() }, signal)),
      ),
    listParts: (session, signal) => patiently(signal, () => provider.listParts(session, signal)),
    completeUpload: (request, signal) => patiently(signal, () => provider.completeUpload(request, signal)),
    abortUpload: (session, signal) => patiently(signal, () => provider.abortUpload(session, signal)),
    findUploads: (request, signal) => patiently(signal, () => provider.findUploads(request, signal)),
    offerCopy: (request, signal) => patiently(signal, () => provider.offerCopy(request, signal)),
    copy: (request, signal) => patiently(signal, () => provider.copy(request, signal)),
    ingest: (request, signal) => patiently(signal, () => provider.ingest(request, signal)),
    presign: (request, signal) => patiently(signal, () => provider.presign(request, signal)),
    createFolder: (location, signal) => patiently(signal, () => provider.createFolder(location, signal)),
    quota: (signal) => patiently(signal, () => provider.quota(signal)),
    async deleteObjects({ keys, ...request }, signal) {
      const done: DeleteResult['failed'] = [];
      let left = keys;
      // Some clouds throttle single keys of a batch.
      await patiently(signal, async () => {
        const { failed } = await provider.deleteObjects({ ...request, keys: left }, signal);
        const throttled = failed.filter(({ code }) => code === 'THROTTLED');
        done.push(...failed.filter(({ code }) => code !== 'THROTTLED'));
        left = throttled.map(({ key }) => key);
        if (throttled[0] !== undefined) throw new AppError('THROTTLED', throttled[0].message);
      });
      return { failed: done };
    },
    checkName: (key) => provider.checkName(key),
    close: () => provider.close(),
  };
}

async function patiently<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  let waitedMs = 0;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'THROTTLED') throw error;
      // Calls that were throttled together do not come back together.
      const waitMs = (error.retryAfterMs ?? 0) + pauseMs * (0.5 + Math.random() / 2);
      waitedMs += waitMs;
      if (waitedMs > maxWaitMs) throw error;
      await sleep(waitMs, undefined, { signal }).catch(() => throwIfCancelled(signal));
    }
  }
}

/**
 * Gives a body that can be read once to each attempt anew: the bytes that one has read, and what follows as it comes.
 * `call` is handed what makes them. Its source is destroyed when the call has failed, as `write` has it.
 */
async function repeatable<T>(body: UploadBody, call: (next: () => UploadBody) => Promise<T>): Promise<T> {
  const { source } = body;
  if (!(source instanceof Readable)) return call(() => body);
  const bytes = source.iterator({ destroyOnReturn: false });
  const chunks: Promise<Uint8Array | null>[] = [];
  const chunk = (at: number) => {
    chunks[at] ??= bytes.next().then(({ done, value }) => (done ? null : (value as Uint8Array)));
    return chunks[at];
  };
  const readAnew = () => {
    let at = 0;
    return new Readable({
      read() {
        chunk(at++).then(
          (next) => this.push(next),
          (error) => this.destroy(error),
        );
      },
    });
  };
  try {
    return await call(() => ({ ...body, source: readAnew() }));
  } catch (error) {
    source.destroy();
    throw error;
  }
}
