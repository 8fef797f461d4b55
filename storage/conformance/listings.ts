import { beforeAll, describe, expect, it } from 'vitest';
import type { Entry, ListRequest } from '../provider.ts';
import { bytesOf, type Current, container, never, otherContainer, put, type Session } from './fixture.ts';

/** Byte order puts U+FB00 before U+1F600; UTF-16 order, which JavaScript sorts by, the other way round. */
const anyCase = ['A', 'B', 'a', 'b/1', 'b/2/x', 'b0', 'é', 'ﬀ', '😀', 'z z', 'z+z', 'z%20z'];
/** None that differs from another, or from a folder, by case only. */
const oneCase = anyCase.filter((name) => !/^[AB]$/.test(name));
const numbered = Array.from({ length: 1100 }, (_, index) => `many/${String(index * 7).padStart(5, '0')}`);

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function listAll(session: Session, request: ListRequest): Promise<Entry[][]> {
  const pages: Entry[][] = [];
  let cursor: string | null | undefined;
  do {
    const page = await session.provider.list({ ...request, ...(cursor ? { cursor } : {}) }, never());
    pages.push(page.items);
    cursor = page.nextCursor === null ? null : (JSON.parse(JSON.stringify(page.nextCursor)) as string);
  } while (cursor !== null);
  return pages;
}

export function listings(current: Current, patience: number): void {
  const root = 'listing/';
  let special = anyCase;

  beforeAll(async () => {
    const session = current();
    if (!session.capabilities.caseSensitive) special = oneCase;
    const keys = [...special, ...numbered].map((name) => root + name).values();
    const write = async () => {
      for (const key of keys) await put(session, key, bytesOf(1));
    };
    await Promise.all(Array.from({ length: 16 }, write));
  }, 60_000 * patience);

  it('gives more than a thousand keys over several pages, each once', async () => {
    const session = current();
    const pages = await listAll(session, { container, prefix: root, limit: 400 });
    const listed = pages.flat().map((entry) => entry.key.slice(root.length));
    expect(pages.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(400);
    const expected = [...special, ...numbered].sort(byBytes);
    expect([...listed].sort(byBytes)).toEqual(expected);
    if (session.capabilities.listing.order === 'bytes') expect(listed).toEqual(expected);
  });

  it('gives no more than its largest page, however much is asked for', async () => {
    const session = current();
    const { maxPageSize } = session.capabilities.listing;
    const { items } = await session.provider.list({ container, prefix: root, limit: maxPageSize * 10 }, never());
    expect(items.length).toBe(Math.min(maxPageSize, special.length + numbered.length));
  });

  it('gives one level with folders', async () => {
    const session = current();
    const pages = await listAll(session, { container, prefix: root, delimiter: '/', limit: 4 });
    const entries = pages.flat();
    expect(entries.map(({ kind, key }) => `${kind} ${key.slice(root.length)}`).sort(byBytes)).toEqual(
      [
        ...special.filter((name) => !name.includes('/')).map((name) => `file ${name}`),
        'folder b/',
        'folder many/',
      ].sort(byBytes),
    );
    expect(entries.find((entry) => entry.kind === 'folder')).toMatchObject({ sizeBytes: 0, modifiedAt: null });
  });

  it('gives what begins with a prefix that ends within a name', async () => {
    const [page] = await listAll(current(), { container, prefix: `${root}z` });
    expect(page?.map((entry) => entry.key.slice(root.length)).sort(byBytes)).toEqual(['z z', 'z%20z', 'z+z']);
  });

  it('gives an empty page for a prefix that nothing has', async () => {
    expect(await listAll(current(), { container, prefix: 'no such prefix' })).toEqual([[]]);
  });

  describe('of folder markers', () => {
    it('leaves out the marker of the folder itself, and shows it in a flat listing', async () => {
      const session = current();
      if (session.capabilities.folders === 'real') {
        await session.provider.createFolder({ container, key: 'marked/in/' }, never());
        await session.provider.createFolder({ container, key: 'marked/in/' }, never());
        await put(session, 'marked/file', bytesOf(1));
        const { items } = await session.provider.list({ container, prefix: 'marked/', delimiter: '/' }, never());
        expect(items.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
          'file marked/file',
          'folder marked/in/',
        ]);
        const all = await session.provider.list({ container, prefix: 'marked/' }, never());
        expect(all.items.map(({ key }) => key)).toEqual(['marked/file']);
        const both = await session.provider.list({ container, prefix: 'marked/', folders: true }, never());
        expect(both.items.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
          'file marked/file',
          'folder marked/',
          'folder marked/in/',
        ]);
        const own = await session.provider.list({ container, prefix: 'marked/in/', folders: true }, never());
        expect(own.items.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['folder marked/in/']);
        return;
      }
      await put(session, 'marked/', bytesOf(0));
      await put(session, 'marked/file', bytesOf(1));
      const level = await session.provider.list({ container, prefix: 'marked/', delimiter: '/' }, never());
      expect(level.items.map(({ kind, key }) => [kind, key])).toEqual([['file', 'marked/file']]);
      const flat = await session.provider.list({ container, prefix: 'marked/' }, never());
      expect(flat.items.map(({ kind, key }) => [kind, key])).toEqual([
        ['file', 'marked/'],
        ['file', 'marked/file'],
      ]);
    });
  });

  it('lists containers, a page at a time', async () => {
    const { provider, isOwn } = current();
    const limit = isOwn ? 1 : undefined;
    if (!isOwn) {
      // Who may use one container only may list none.
      const refusal = await provider.listContainers({}, never()).then(
        () => undefined,
        (error) => error,
      );
      if (refusal?.code === 'PERMISSION_DENIED') return;
    }
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await provider.listContainers({ limit, cursor }, never());
      names.push(...page.items.map((item) => item.name));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    if (isOwn) expect(names).toEqual([container, otherContainer]);
    else expect(names).toEqual(expect.arrayContaining([container, otherContainer]));
  });
}
