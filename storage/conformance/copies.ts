import { expect, it } from 'vitest';
import type { CopyRequest } from '../provider.ts';
import {
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  expectRefusal,
  freshKey,
  get,
  isKept,
  copiedMetadata as metadata,
  never,
  noMetadata,
  otherContainer,
  put,
  type Session,
} from './fixture.ts';
import { isThere } from './uploads.ts';

/** A copy of an object that is not there, offered by the store at an endpoint. */
export function foreignCopy({ capabilities }: Session, endpoint: string, key: string): CopyRequest {
  const { scheme = 's3' } = capabilities.copy ?? {};
  const version = { etag: '"0123456789abcdef0123456789abcdef"' };
  const store = storeAt(endpoint, scheme);
  const offer = {
    container,
    key: 'gone',
    scheme,
    store,
    sizeBytes: 1,
    modifiedAt: null,
    version,
    digests: {},
    assertedDigests: {},
    metadata: noMetadata,
    ticket: `${endpoint}/gone`,
  };
  return { offer, container, key, metadata: noMetadata };
}

function storeAt(endpoint: string, scheme: string): string {
  return scheme === 'azure' ? new URL(endpoint).origin : endpoint;
}

export function copies(current: Current): void {
  /** Offers a fresh object; resolves to what copies it. */
  async function offered(session: Session, bytes: Buffer, key = freshKey('source')): Promise<CopyRequest> {
    const { version } = await put(session, key, bytes, { contentType: 'text/x-source', user: { of: 'the source' } });
    const offer = await session.provider.offerCopy({ container, key, pin: version }, never());
    expect(offer.sizeBytes).toBe(bytes.length);
    const { digests, assertedDigests, metadata: own } = await session.provider.stat({ container, key }, never());
    expect(offer).toMatchObject({ store: session.provider.store, digests, assertedDigests, metadata: own });
    return { offer, container: otherContainer, key: freshKey('copy'), metadata };
  }

  const getCopy = async (session: Session, { container: at, key }: CopyRequest) => {
    const { stream, info } = await session.provider.read({ container: at, key }, never());
    return { bytes: Buffer.concat(await stream.toArray()), info };
  };

  it.each([0, 1, 3_000_000])('keep %i bytes, and have the metadata that was asked for', async (size) => {
    const session = current();
    if (session.capabilities.copy === null)
      return expectRefusal(session.provider.offerCopy({ container, key: 'x' }, never()));
    const request = await offered(session, bytesOf(size));
    const { version } = await session.provider.copy(request, never());
    const { bytes, info } = await getCopy(session, request);
    expectBytes(bytes, bytesOf(size));
    expect(info).toMatchObject({ version });
    if (session.capabilities.copy.metadata) expect(info).toMatchObject({ metadata });
    else expect(info).not.toMatchObject({ metadata });
    expect(info.metadata.user.of).toBeUndefined();
    // Once more: a lost answer does no harm.
    await session.provider.copy(request, never());
    expectBytes((await getCopy(session, request)).bytes, bytesOf(size));
  });

  it.each(['große + datei (1)%41?.txt', 'a//b', "quote's & <tag>"])(
    'are made of and under the name %j',
    async (name) => {
      const session = current();
      if (session.capabilities.copy === null) return;
      try {
        session.provider.checkName(name);
      } catch {
        return;
      }
      const request = { ...(await offered(session, bytesOf(10), name)), key: `copy of ${name}` };
      await session.provider.copy(request, never());
      expectBytes((await getCopy(session, request)).bytes, bytesOf(10));
    },
  );

  it('have what was offered, or fail and leave what was there, when the source has changed since or is gone', async () => {
    const session = current();
    if (session.capabilities.copy === null) return;
    const source = freshKey('source');
    const request = { ...(await offered(session, bytesOf(1000), source)), container };
    await put(session, request.key, bytesOf(5));
    const expectCopy = async () => {
      if (isKept(session, request.offer.version)) {
        await session.provider.copy(request, never());
        expectBytes(await get(session, request.key), bytesOf(1000));
        await put(session, request.key, bytesOf(5));
      } else {
        await expectCode(session.provider.copy(request, never()), 'OBJECT_CHANGED');
        expectBytes(await get(session, request.key), bytesOf(5));
      }
    };
    await put(session, source, Buffer.alloc(1000));
    await expectCopy();
    await session.provider.deleteObjects({ container, keys: [source] }, never());
    await expectCopy();
  });

  it('are not offered of what is gone, nor of what has changed unless it is kept', async () => {
    const session = current();
    if (session.capabilities.copy === null) return;
    const key = freshKey('source');
    await expectCode(session.provider.offerCopy({ container, key }, never()), 'OBJECT_NOT_FOUND');
    const { version: pin } = await put(session, key, bytesOf(10));
    await put(session, key, bytesOf(11));
    const offer = session.provider.offerCopy({ container, key, pin }, never());
    if (isKept(session, pin)) expect(await offer).toMatchObject({ version: pin, sizeBytes: 10 });
    else await expectCode(offer, 'OBJECT_CHANGED');
  });

  it('are held to preconditions, or refuse to have any', async () => {
    const session = current();
    const { copy } = session.capabilities;
    if (copy === null) return;
    const request = { ...(await offered(session, bytesOf(10))), container, precondition: { ifAbsent: true } } as const;
    if (!copy.conditional) return expectRefusal(session.provider.copy(request, never()));
    const { version } = await session.provider.copy(request, never());
    await expectCode(session.provider.copy(request, never()), 'PRECONDITION_FAILED');
    await session.provider.copy({ ...request, precondition: { ifMatch: version } }, never());
    await put(session, request.key, bytesOf(11));
    const stale = { ...request, precondition: { ifMatch: version } };
    await expectCode(session.provider.copy(stale, never()), 'PRECONDITION_FAILED');
  });

  it('refuse what is at another store, of another kind of cloud, or too large', async () => {
    const session = current();
    const { copy } = session.capabilities;
    if (copy === null)
      return expectRefusal(session.provider.copy(foreignCopy(session, 'http://127.0.0.1:1', 'x'), never()));
    const request = await offered(session, bytesOf(10));
    const { offer } = request;
    const other = offer.scheme === 'dropbox' ? 's3' : 'dropbox';
    await expectRefusal(session.provider.copy({ ...request, offer: { ...offer, scheme: other } }, never()));
    await expectRefusal(session.provider.copy({ ...request, offer: { ...offer, store: 'elsewhere' } }, never()));
    const large = { ...request, offer: { ...offer, sizeBytes: copy.maxBytes + 1 } };
    await expectCode(session.provider.copy(large, never()), 'OBJECT_TOO_LARGE');
    expect(await isThere(session, request.key)).toBe(false);
  });

  it('are made by another account that may read the source', async () => {
    const session = current();
    const { otherProvider: other } = session;
    if (session.capabilities.copy === null || other === undefined) return;
    const request = await offered(session, bytesOf(100_000));
    await other.copy(request, never());
    expectBytes((await getCopy(session, request)).bytes, bytesOf(100_000));
  });
}
