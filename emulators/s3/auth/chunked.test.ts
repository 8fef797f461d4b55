import { describe, expect, it } from 'vitest';
import { S3Error } from '../errors.ts';
import { AwsChunkedDecoder, ChunkVerifier } from './chunked.ts';
import { ScopedSigner } from './sigv4.ts';

/** The credentials and figures of the worked examples in the API reference. */
const EXAMPLE = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };

function exampleVerifier(seedSignature: string): ChunkVerifier {
  return new ChunkVerifier(new ScopedSigner(EXAMPLE, '20130524', 'us-east-1'), '20130524T000000Z', seedSignature);
}

function chunk(data: Buffer, signature: string): Buffer {
  return Buffer.concat([
    Buffer.from(`${data.length.toString(16)};chunk-signature=${signature}\r\n`),
    data,
    Buffer.from('\r\n'),
  ]);
}

function decode(verifier: ChunkVerifier | undefined, encoded: Buffer, pieceSize = encoded.length) {
  const pieces: Buffer[] = [];
  const decoder = new AwsChunkedDecoder(verifier, (piece) => {
    pieces.push(piece);
    return undefined;
  });
  for (let at = 0; at < encoded.length; at += pieceSize) {
    decoder.write(encoded.subarray(at, at + pieceSize));
  }
  decoder.end();
  return { data: Buffer.concat(pieces), trailers: decoder.trailers };
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof S3Error ? error.code : String(error);
  }
  return 'nothing';
}

describe('signed chunks (API reference: sigv4-streaming.html)', () => {
  const SEED = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
  const SIGNATURES = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ] as const;
  const body = Buffer.concat([
    chunk(Buffer.alloc(65_536, 'a'), SIGNATURES[0]),
    chunk(Buffer.alloc(1024, 'a'), SIGNATURES[1]),
    chunk(Buffer.alloc(0), SIGNATURES[2]),
  ]);

  it.each([1, 13, 4096, 70_000])('decodes the example of the reference in pieces of %i bytes', (pieceSize) => {
    expect(decode(exampleVerifier(SEED), body, pieceSize).data).toEqual(Buffer.alloc(66_560, 'a'));
  });

  it('refuses a changed byte of data', () => {
    const changed = Buffer.from(body);
    changed[1000] = 0x62;
    expect(codeOf(() => decode(exampleVerifier(SEED), changed))).toBe('SignatureDoesNotMatch');
  });

  it('refuses a chain that begins with another signature', () => {
    expect(codeOf(() => decode(exampleVerifier('0'.repeat(64)), body))).toBe('SignatureDoesNotMatch');
  });

  it('refuses chunks without signatures', () => {
    expect(codeOf(() => decode(exampleVerifier(SEED), Buffer.from('0\r\n\r\n')))).toBe('InvalidRequest');
  });

  it('reports a body that ends before its last chunk as IncompleteBody', () => {
    expect(codeOf(() => decode(exampleVerifier(SEED), body.subarray(0, 66_000)))).toBe('IncompleteBody');
  });
});

describe('signed trailers (API reference: sigv4-streaming-trailers.html)', () => {
  const SEED = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e';
  const encoded = (checksum: string, signature: string) =>
    Buffer.concat([
      chunk(Buffer.alloc(65_536, 'a'), 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2'),
      chunk(Buffer.alloc(1024, 'a'), '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7'),
      Buffer.from('0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n'),
      Buffer.from(`x-amz-checksum-crc32c:${checksum}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`),
    ]);
  const SIGNATURE = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435';

  it('decodes the example of the reference', () => {
    const { data, trailers } = decode(exampleVerifier(SEED), encoded('sOO8/Q==', SIGNATURE));
    expect(data).toEqual(Buffer.alloc(66_560, 'a'));
    expect([...trailers]).toEqual([['x-amz-checksum-crc32c', 'sOO8/Q==']]);
  });

  it('refuses a changed trailer', () => {
    expect(codeOf(() => decode(exampleVerifier(SEED), encoded('sOO8/A==', SIGNATURE)))).toBe('SignatureDoesNotMatch');
  });

  it('refuses trailers without a signature', () => {
    const unsigned = Buffer.from(
      encoded('sOO8/Q==', SIGNATURE)
        .toString('latin1')
        .replace(/x-amz-trailer-s[^\r]*\r\n/, ''),
      'latin1',
    );
    expect(codeOf(() => decode(exampleVerifier(SEED), unsigned))).toBe('SignatureDoesNotMatch');
  });
});

describe('unsigned chunks (API reference: sigv4-streaming.html)', () => {
  const large = 'x'.repeat(8192);

  it('decodes chunks and trailers', () => {
    const { data, trailers } = decode(
      undefined,
      Buffer.from(`2000\r\n${large}\r\n3\r\nend\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n`),
    );
    expect(data.toString()).toBe(`${large}end`);
    expect([...trailers]).toEqual([['x-amz-checksum-crc32', 'AAAAAA==']]);
  });

  it('accepts a body that lacks the last empty line', () => {
    expect(decode(undefined, Buffer.from('3\r\nend\r\n0\r\n')).data.toString()).toBe('end');
  });

  it('refuses a chunk below 8 KiB that is not the last with InvalidChunkSizeError', () => {
    expect(codeOf(() => decode(undefined, Buffer.from('3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n')))).toBe(
      'InvalidChunkSizeError',
    );
  });

  it.each([
    'zz\r\n\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
    '3\nabc\n0\n\n',
    '3Z\nabcZ\n0Z\nZ\n',
    '0\r\n\r\nmore',
    '0\r\nno colon\r\n\r\n',
    `${'1'.repeat(20_000)}`,
  ])('refuses the malformed body %j', (body) => {
    expect(codeOf(() => decode(undefined, Buffer.from(body)))).toBe('InvalidRequest');
  });
});
