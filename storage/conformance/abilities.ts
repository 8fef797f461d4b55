import { describe, expect, it } from 'vitest';
import type { StorageProvider } from '../provider.ts';
import { copies, foreignCopy } from './copies.ts';
import {
  bytesOf,
  type Current,
  type CurrentLocal,
  container,
  expectBytes,
  expectCode,
  expectRefusal,
  freshKey,
  get,
  type Locally,
  type LocalSession,
  never,
  noMetadata,
  put,
} from './fixture.ts';
import { ingestion } from './ingestion.ts';
import { type Call, settlesWhenAborted } from './interruptions.ts';

/** What may be declared and what may not: each either works or is refused. */
export function abilities(current: Current, locally: Locally): void {
  describe('copies', () => copies(current));
  locally('fetching from URLs', (current) => describe('fetching from URLs', () => ingestion(current)));
  describe('URLs for one object', () => presigning(current));
  describe('folders', () => folders(current));

  it('tells how much room there is, or that it cannot', async () => {
    const { provider, capabilities } = current();
    if (!capabilities.quota) return expectRefusal(provider.quota(never()));
    const quota = await provider.quota(never());
    if (quota !== null) {
      expect(quota.usedBytes).toBeGreaterThanOrEqual(0);
      expect(quota.totalBytes).toBeGreaterThanOrEqual(quota.usedBytes);
    }
  });

  locally('further calls that are throttled or never answered', spoiledCalls);
}

function spoiledCalls(current: CurrentLocal): void {
  for (const name of Object.keys(calls())) {
    it(`settles ${name} when its signal is aborted`, async () => {
      const session = current();
      const provider = session.open({ proxied: true });
      const call = calls()[name] as NewCall;
      if (!call.isDeclared(session)) return expectRefusal(call.run(provider, session, never()));
      await settlesWhenAborted(session, provider, (aborted, _upload, signal) => call.run(aborted, session, signal));
      // What it would still tidy up must not meet the faults of others.
      await provider.close();
    });

    it(`takes a request to slow down from ${name}, and leaves no socket behind`, async () => {
      const session = current();
      const call = calls()[name] as NewCall;
      if (!call.isDeclared(session) || call.isLocal) return;
      const before = session.proxy.connections();
      const provider = session.open({ proxied: true });
      const response = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n';
      const spoiled = session.proxy.spoilNext({ kind: 'answer', response });
      const error = await expectCode(call.run(provider, session, never()), 'THROTTLED');
      await spoiled;
      expect(error).toMatchObject({ retry: 'backoff', retryAfterMs: 7000 });
      await provider.close();
      await expect.poll(() => session.proxy.connections()).toBe(before);
    });
  }
}

interface NewCall {
  isDeclared(session: LocalSession): boolean;
  /** It may need no request. */
  isLocal?: boolean;
  run(provider: StorageProvider, session: LocalSession, signal: AbortSignal): ReturnType<Call>;
}

/** The calls that not every provider has. Nothing that they name exists. */
const calls = (): Record<string, NewCall> => {
  const key = freshKey('stall');
  return {
    offerCopy: {
      isDeclared: ({ capabilities }) => capabilities.copy !== null,
      run: (provider, _session, signal) => provider.offerCopy({ container, key }, signal),
    },
    copy: {
      isDeclared: ({ capabilities }) => capabilities.copy !== null,
      run: (provider, session, signal) => provider.copy(foreignCopy(session, session.proxy.endpoint, key), signal),
    },
    ingest: {
      isDeclared: ({ capabilities }) => capabilities.ingest !== null,
      run: (provider, _session, signal) =>
        provider.ingest(
          { container, key, url: 'http://127.0.0.1:1/', sizeBytes: 1, metadata: noMetadata, digests: {} },
          signal,
        ),
    },
    presign: {
      isDeclared: ({ capabilities }) => capabilities.presign !== null,
      isLocal: true,
      run: (provider, { capabilities }, signal) => {
        const expiresInMs = Math.max(60_000, capabilities.presign?.minExpiresMs ?? 0);
        return provider.presign({ container, key, expiresInMs }, signal);
      },
    },
    createFolder: {
      isDeclared: () => true,
      run: (provider, _session, signal) => provider.createFolder({ container, key: `${key}/` }, signal),
    },
    quota: {
      isDeclared: ({ capabilities }) => capabilities.quota,
      run: (provider, _session, signal) => provider.quota(signal),
    },
  };
};

function presigning(current: Current): void {
  it('open it to anybody, whole and in part, until they expire', async () => {
    const session = current();
    const key = freshKey("url 'ü' + (1)%");
    const { presign } = session.capabilities;
    const request = { container, key, expiresInMs: Math.max(60_000, presign?.minExpiresMs ?? 0) };
    if (presign === null) return expectRefusal(session.provider.presign(request, never()));
    const { version: pin } = await put(session, key, bytesOf(10_000));
    const url = await session.provider.presign({ ...request, pin }, never());
    expectBytes(Buffer.from(await (await fetch(url)).arrayBuffer()), bytesOf(10_000));
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expectBytes(Buffer.from(await part.arrayBuffer()), bytesOf(10_000).subarray(10, 20));
    for (const method of ['PUT', 'DELETE']) {
      const refused = await fetch(url, { method });
      await refused.arrayBuffer();
      expect(refused.status).toBeGreaterThanOrEqual(400);
    }
    if (presign.minExpiresMs > 1000) return;
    const brief = await session.provider.presign({ ...request, expiresInMs: 1000 }, never());
    const status = async () => {
      const response = await fetch(brief);
      await response.arrayBuffer();
      return response.status;
    };
    await expect.poll(status, { timeout: 10_000, interval: 200 }).toBeGreaterThanOrEqual(400);
  });

  it('live no longer than is declared, and longer than nothing', async () => {
    const { provider, capabilities } = current();
    if (capabilities.presign === null) return;
    const { minExpiresMs, maxExpiresMs } = capabilities.presign;
    const location = { container, key: freshKey('url') };
    await put(current(), location.key, bytesOf(1));
    await provider.presign({ ...location, expiresInMs: maxExpiresMs }, never());
    for (const expiresInMs of [maxExpiresMs + 1000, minExpiresMs - 1000, -1]) {
      await expectCode(provider.presign({ ...location, expiresInMs }, never()), 'INVALID_INPUT');
    }
  });
}

function folders(current: Current): void {
  it('are made, twice without harm, and seen as folders by their parent', async () => {
    const { provider } = current();
    const parent = `${freshKey('folders')}/`;
    for (const name of ['empty/', 'große/', 'empty/'])
      await provider.createFolder({ container, key: parent + name }, never());
    const { items } = await provider.list({ container, prefix: parent, delimiter: '/' }, never());
    expect(items.map(({ kind, key }) => `${kind} ${key.slice(parent.length)}`).sort()).toEqual([
      'folder empty/',
      'folder große/',
    ]);
    const inside = await provider.list({ container, prefix: `${parent}empty/`, delimiter: '/' }, never());
    expect(inside.items).toEqual([]);
  });

  it('keep what is in them when they are made again', async () => {
    const session = current();
    const folder = `${freshKey('folders')}/`;
    await session.provider.createFolder({ container, key: folder }, never());
    await put(session, `${folder}file`, bytesOf(10));
    await session.provider.createFolder({ container, key: folder }, never());
    expectBytes(await get(session, `${folder}file`), bytesOf(10));
  });

  it('that somebody marked stay marked as they are', async () => {
    const session = current();
    const { folders, write } = session.capabilities;
    if (folders === 'real' || !write.conditional) return;
    const folder = `${freshKey('folders')}/`;
    const { version } = await put(session, folder, bytesOf(0), { contentType: 'text/x-marker', user: {} });
    await session.provider.createFolder({ container, key: folder }, never());
    const info = await session.provider.stat({ container, key: folder }, never());
    expect(info).toMatchObject({ version, metadata: { contentType: 'text/x-marker' } });
  });

  it('that are no objects go only while nothing is in them', async () => {
    const session = current();
    const { provider, capabilities } = session;
    if (capabilities.folders === 'marker') return;
    const folder = `${freshKey('folders')}/`;
    await provider.createFolder({ container, key: folder }, never());
    await put(session, `${folder}file`, bytesOf(10));
    const remove = (key: string) => provider.deleteObjects({ container, keys: [key] }, never());
    expect((await remove(folder)).failed).toMatchObject([{ key: folder, code: 'CONFLICT' }]);
    expectBytes(await get(session, `${folder}file`), bytesOf(10));
    await remove(`${folder}file`);
    expect(await remove(folder)).toEqual({ failed: [] });
    const { items } = await provider.list({ container, prefix: folder, folders: true }, never());
    expect(items).toEqual([]);
    expect(await remove(folder)).toEqual({ failed: [] });
  });

  it('have names that end in a slash', async () => {
    await expectCode(current().provider.createFolder({ container, key: 'no-slash' }, never()), 'INVALID_INPUT');
  });
}
