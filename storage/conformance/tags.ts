import { describe, expect, it } from 'vitest';
import type { ObjectMetadata, StorageProvider } from '../provider.ts';
import { type Tags, TagsDenied } from '../tags.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  type CurrentLocal,
  container,
  expectCode,
  expectRefusal,
  freshKey,
  type Locally,
  type LocalSession,
  never,
  noMetadata,
  otherContainer,
  put,
  type Session,
} from './fixture.ts';
import { sendPart, wholeDigests } from './uploads.ts';

const someTags: Tags = { project: 'sky ferry', 'a:b/c=d': '1+1 = 2.0_x-y', empty: '' };
const otherTags: Tags = { stage: 'copied' };

/** Brings one object to its place with metadata that may hold tags. */
type Write = (session: Session, key: string, metadata: ObjectMetadata, provider?: StorageProvider) => Promise<unknown>;

const writes: Record<string, Write> = {
  async 'a write at once'({ provider: own, capabilities }, key, metadata, provider = own) {
    const body = bodyOf(bytesOf(100), capabilities);
    await provider.write({ container, key, body, metadata }, never());
  },
  async 'an upload in parts'(session, key, metadata, provider = session.provider) {
    const bytes = bytesOf(1000);
    const upload = await provider.beginUpload({ container, key, sizeBytes: bytes.length, metadata }, never());
    const parts = [await sendPart(session, upload, bytes, 1, provider)];
    await provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, bytes) }, never());
  },
  async 'a copy'(session, key, metadata, provider = session.provider) {
    if (session.capabilities.copy === null) return;
    const from = { container: otherContainer, key: freshKey('source') };
    const body = bodyOf(bytesOf(100), session.capabilities);
    await session.provider.write({ ...from, body, metadata: { user: {}, tags: { of: 'the source' } } }, never());
    const offer = await session.provider.offerCopy(from, never());
    await provider.copy({ container, key, offer, metadata }, never());
  },
};

export function tags(current: Current, locally: Locally): void {
  const read = ({ provider }: Session, key: string) => provider.readTags({ container, key }, never());

  it('are told of an object, or are none of the store', async () => {
    const session = current();
    const key = freshKey('tags');
    await put(session, key, bytesOf(1));
    if (session.capabilities.tags === null) return expectRefusal(read(session, key));
    expect(await read(session, key)).toEqual({});
    await expectCode(read(session, freshKey('gone')), 'OBJECT_NOT_FOUND');
  });

  it.each(Object.entries(writes))('arrive with %s, in place of those that were there', async (name, write) => {
    const session = current();
    if (session.capabilities.tags === null || (name === 'a copy' && session.capabilities.copy === null)) return;
    const key = freshKey('tags');
    await write(session, key, { user: {}, tags: someTags });
    expect(await read(session, key)).toEqual(someTags);
    await write(session, key, { user: {}, tags: otherTags });
    expect(await read(session, key)).toEqual(otherTags);
    await write(session, key, noMetadata);
    expect(await read(session, key)).toEqual({});
    // They are told apart from everything else.
    const { metadata } = await session.provider.stat({ container, key }, never());
    expect(metadata).not.toHaveProperty('tags');
  });

  it('are as many and as long as is declared', async () => {
    const session = current();
    const rules = session.capabilities.tags;
    if (rules === null) return;
    const longest = Object.fromEntries(
      Array.from({ length: rules.maxTags }, (_, index) => [
        `${index}`.padEnd(rules.maxNameLength, 'n'),
        'v'.repeat(rules.maxValueLength),
      ]),
    );
    const key = freshKey('tags');
    await put(session, key, bytesOf(1), { user: {}, tags: longest });
    expect(await read(session, key)).toEqual(longest);
    // What is beyond is for the caller to leave behind: the store refuses it.
    const tooMany = { ...longest, more: '' };
    await expect(put(session, freshKey('tags'), bytesOf(1), { user: {}, tags: tooMany })).rejects.toThrow();
  });

  locally('credentials that may do nothing with tags', (local) => describe('denied', () => denied(local)));
}

function denied(current: CurrentLocal): void {
  const openUntagged = (session: LocalSession): StorageProvider | undefined => {
    const credentials = session.fixture.untaggedCredentials?.(session.endpoint);
    return credentials && session.open({ credentials, capabilities: session.capabilities });
  };

  it('are told from other denials when they are read', async () => {
    const session = current();
    const provider = openUntagged(session);
    if (session.capabilities.tags === null || provider === undefined) return;
    const key = freshKey('tags');
    await put(session, key, bytesOf(1), { user: {}, tags: someTags });
    const reading = provider.readTags({ container, key }, never());
    const error = await expectCode(reading, 'PERMISSION_DENIED');
    expect(error).toBeInstanceOf(TagsDenied);
    expect(error.message).toMatch(/(GetObjectTagging|permission t).*leave tags behind/s);
    // Everything else they may.
    await provider.stat({ container, key }, never());
  });

  it.each(Object.entries(writes))(
    'are told when they are written by %s, which then did not happen',
    async (name, write) => {
      const session = current();
      const provider = openUntagged(session);
      if (session.capabilities.tags === null || provider === undefined) return;
      if (name === 'a copy' && session.capabilities.copy === null) return;
      const key = freshKey('tags');
      const error = await expectCode(write(session, key, { user: {}, tags: someTags }, provider), 'PERMISSION_DENIED');
      expect(error).toBeInstanceOf(TagsDenied);
      await expectCode(session.provider.stat({ container, key }, never()), 'OBJECT_NOT_FOUND');
      await write(session, key, noMetadata, provider);
      expect(await session.provider.readTags({ container, key }, never())).toEqual({});
    },
  );
}
