import { describe, expect, it } from 'vitest';
import { parseListing } from './listing.ts';

const request = { prefix: '', delimiter: undefined };
const document = (blobs: string, marker = '<NextMarker />') =>
  `\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="c"><Blobs>${blobs}</Blobs>${marker}</EnumerationResults>`;
const blob = (name: string) =>
  `<Blob>${name}<Properties><Creation-Time>Thu, 01 Jan 2026 00:00:00 GMT</Creation-Time>` +
  '<Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Etag>0x8DE</Etag><Content-Length>12</Content-Length>' +
  '<Content-Type>text/plain</Content-Type><BlobType>BlockBlob</BlobType><AccessTier>Cool</AccessTier></Properties><OrMetadata /></Blob>';

// "List Blobs", response body, of the Storage REST reference.
describe('listings', () => {
  it('give every field', () => {
    expect(parseListing(document(blob('<Name>a &amp; b</Name>')), request)).toEqual({
      nextCursor: null,
      items: [
        {
          kind: 'file',
          key: 'a & b',
          sizeBytes: 12,
          modifiedAt: new Date('2026-01-02T03:04:05Z'),
          version: { etag: '"0x8DE"' },
          digests: {},
          storageClass: 'Cool',
        },
      ],
    });
  });

  it('decode names only where they are marked as encoded', () => {
    const blobs = blob('<Name Encoded="true">a%0Ab%EF%BF%BF</Name>') + blob('<Name>a%0Ab</Name>');
    expect(parseListing(document(blobs), request).items.map((entry) => entry.key)).toEqual(['a\nb\uffff', 'a%0Ab']);
    const broken = document(blob('<Name Encoded="true">a%FF</Name>'));
    expect(() => parseListing(broken, request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it.each([
    ['a size that is no number', '<Content-Length>12<', '<Content-Length>abc<'],
    ['a negative size', '<Content-Length>12<', '<Content-Length>-5<'],
    ['a time that is none', 'Fri, 02 Jan 2026 03:04:05 GMT', 'yesterday'],
    ['half a surrogate pair', '<Name>k', '<Name>&#xD800;k'],
    ['an ETag with controls', '0x8DE', '&#0;'],
  ])('refuse %s', (_, from, to) => {
    const hostile = document(blob('<Name>k</Name>').replace(from, to));
    expect(() => parseListing(hostile, request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it('give folders, leave out the marker of the one that is listed, and go on where the service says', () => {
    const blobs = `<BlobPrefix><Name>p/a/</Name></BlobPrefix>${blob('<Name>p/</Name>')}${blob('<Name>p/b</Name>')}`;
    const page = parseListing(document(blobs, '<NextMarker>2!8&amp;x</NextMarker>'), { prefix: 'p/', delimiter: '/' });
    expect(page.items.map(({ kind, key }) => [kind, key])).toEqual([
      ['folder', 'p/a/'],
      ['file', 'p/b'],
    ]);
    expect(page.nextCursor).toBe('2!8&x');
  });

  it('of a hierarchical namespace hold directories, which are folders in a level and nothing in a flat listing', () => {
    const directory = (name: string) =>
      blob(`<Name>${name}</Name>`).replace('<BlobType>', '<ResourceType>directory</ResourceType><BlobType>');
    const file = blob('<Name>p/b</Name>').replace('<BlobType>', '<ResourceType>file</ResourceType><BlobType>');
    const blobs = `<BlobPrefix><Name>p/a/</Name></BlobPrefix>${directory('p')}${directory('p/a')}${file}${directory('p/c')}`;
    const seen = (delimiter: '/' | undefined) =>
      parseListing(document(blobs), { prefix: 'p/', delimiter }).items.map(({ kind, key }) => `${kind} ${key}`);
    expect(seen('/')).toEqual(['folder p/a/', 'file p/b', 'folder p/c/']);
    const flat = document(directory('p') + directory('p/a') + file);
    expect(parseListing(flat, { prefix: '', delimiter: undefined }).items.map(({ key }) => key)).toEqual(['p/b']);
    const { items } = parseListing(flat, { prefix: '', folders: true });
    expect(items.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['folder p/', 'folder p/a/', 'file p/b']);
  });

  it('hold directories that hdi_isfolder=true marks, and no others', () => {
    const marked = (name: string, metadata: string) =>
      blob(`<Name>${name}</Name>`).replace('<OrMetadata />', `<Metadata>${metadata}</Metadata><OrMetadata />`);
    const empty = (block: string) => block.replace('<Content-Length>12<', '<Content-Length>0<');
    const mark = '<Owner>me</Owner><Hdi_IsFolder>true</Hdi_IsFolder>';
    const blobs = [
      empty(marked('p/a', mark)),
      empty(marked('p/empty', mark)),
      marked('p/full', mark),
      empty(marked('p/other', '<hdi_isfolder>false</hdi_isfolder>')),
      empty(blob('<Name>p/plain</Name>')),
    ];
    const seen = (delimiter: '/' | undefined, more = '') =>
      parseListing(document(blobs.join('') + more), { prefix: 'p/', delimiter }).items.map((one) => one.key);
    const folder = '<BlobPrefix><Name>p/a/</Name></BlobPrefix>';
    expect(seen('/', folder)).toEqual(['p/a/', 'p/empty/', 'p/full', 'p/other', 'p/plain']);
    const slashed = empty(marked('p/marker/', mark));
    expect(seen(undefined, slashed)).toEqual(['p/full', 'p/other', 'p/plain', 'p/marker/']);
  });

  it.each([
    ['NextMarker', '<NextMarker>elsewhere</NextMarker>'],
    ['BlobPrefix', '<BlobPrefix>p/no/</BlobPrefix>'],
    ['Blob', '<Blob>x</Blob><Empty />'],
    ['ResourceType', '<ResourceType>directory</ResourceType>'],
    ['Metadata', '<Metadata>x</Metadata><NextMarker>elsewhere</NextMarker>'],
  ])('take metadata of the name %s for nothing else', (_, metadata) => {
    const named = blob('<Name>p/a</Name>').replace('<OrMetadata />', `<Metadata>${metadata}</Metadata>`);
    const page = parseListing(document(named + blob('<Name>p/b</Name>')), { prefix: 'p/', delimiter: '/' });
    expect(page.items.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['file p/a', 'file p/b']);
    expect(page.nextCursor).toBeNull();
  });

  it.each([
    ['a name outside the folder that was asked for', blob('<Name>q/a</Name>'), undefined],
    ['an encoded one', blob('<Name Encoded="true">q%2Fa</Name>'), undefined],
    ['a folder outside of it', '<BlobPrefix><Name>../p/</Name></BlobPrefix>', undefined],
    ['half a surrogate pair in the name of a folder', '<BlobPrefix><Name>p/&#xD800;/</Name></BlobPrefix>', undefined],
    ['the page itself as the next one', '', '<NextMarker>2!8&amp;x</NextMarker>'],
  ])('refuse %s', (_, blobs, marker) => {
    const hostile = () => parseListing(document(blobs, marker), { prefix: 'p/', delimiter: '/', cursor: '2!8&x' });
    expect(hostile).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });

  it('that are cut off anywhere are not taken for shorter ones', () => {
    const whole = document(blob('<Name>a</Name>') + blob('<Name>b</Name>'));
    for (let end = whole.indexOf('<EnumerationResults') + '<EnumerationResults'.length; end < whole.length; end += 1) {
      const cut = () => parseListing(whole.slice(0, end), request);
      expect(cut).toThrow(expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE' }));
    }
  });

  it('are no web pages', () => {
    expect(() => parseListing('<html></html>', request)).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  });
});
