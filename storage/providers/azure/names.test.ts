import { describe, expect, it } from 'vitest';
import { blockId, newSessionId, partNumberOf } from './blocks.ts';
import { checkBlobName, checkContainerName, decodeMetadataName, encodeMetadataName } from './names.ts';

describe('metadata names', () => {
  it.each(['plain', 'with-dash', '1digit', 'a.b', 'a_x002d_b', '_x', 'x_X002D_y', '__x0041__', 'ü', '😀', ''])(
    'come back as they were, as identifiers on the way: %j',
    (name) => {
      const encoded = encodeMetadataName(name);
      if (name !== '') expect(encoded).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
      expect(decodeMetadataName(encoded)).toBe(name);
    },
  );

  it('are left alone where they are identifiers', () => {
    expect(encodeMetadataName('mtime')).toBe('mtime');
    expect(encodeMetadataName('_a_b1')).toBe('_a_b1');
  });
});

describe('blob names', () => {
  it.each(['', 'a.', 'a./b', '.', '..', 'a/../b', 'a\\b', 'a\nb', 'a\u0000', 'a\ud800', 'a\uffff', 'n'.repeat(1025)])(
    'refuse %j with the rule',
    (name) => {
      expect(() => checkBlobName(name)).toThrow(
        expect.objectContaining({
          code: 'NAME_NOT_ALLOWED',
          message: expect.stringMatching(/Azure cannot hold .+: .+/),
        }),
      );
    },
  );

  it.each(['.a', 'a.b', 'a/.b/c', 'dir/', '/a', 'a//b', '😀'.repeat(512), 'a+b %41?#&'])('allow %j', (name) => {
    expect(() => checkBlobName(name)).not.toThrow();
  });

  it('refuse too many segments', () => {
    expect(() => checkBlobName('a/'.repeat(253))).not.toThrow();
    expect(() => checkBlobName('a/'.repeat(254))).toThrow('254 path segments');
  });
});

// "Naming and Referencing Containers, Blobs, and Metadata", Container names.
describe('container names', () => {
  it.each(['abc', 'a-b-c', '1ab', '$root', '$web', '$logs', 'a'.repeat(63)])('allow %s', (name) => {
    expect(() => checkContainerName(name)).not.toThrow();
  });
  it.each(['ab', '', '-abc', 'abc-', 'a--b', 'Abc', 'a_b', 'a/b', 'a.b', '$other', 'x@y', 'a'.repeat(64)])(
    'refuse %j',
    (name) => {
      expect(() => checkContainerName(name)).toThrow(expect.objectContaining({ code: 'CONTAINER_NOT_FOUND' }));
    },
  );
});

describe('block ids', () => {
  it('are equally long, at most 64 bytes before base64, and know their upload', () => {
    const [session, other] = [newSessionId(), newSessionId()];
    const md5 = '0123456789abcdef'.repeat(2);
    const ids = [blockId(session, 1), blockId(session, 9, md5), blockId(session, 50_000, md5)];
    expect(new Set(ids.map((id) => Buffer.from(id, 'base64').length))).toEqual(new Set([48]));
    expect(ids.map((id) => partNumberOf(id, session))).toEqual([1, 9, 50_000]);
    expect(ids.map((id) => partNumberOf(id, other))).toEqual([undefined, undefined, undefined]);
    expect(partNumberOf('AAAA', session)).toBeUndefined();
    expect(blockId(session, 9, md5.replace('1', '2'))).not.toBe(ids[1]);
  });
});
