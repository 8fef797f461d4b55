import { expect, it } from 'vitest';
import {
  container,
  failure,
  get,
  keysOf,
  never,
  open,
  put,
  startServer,
  startWithProvider,
  streamOf,
} from '../../../test/support/dropbox.ts';

it('paths are case-insensitive and case-preserving', async () => {
  const { provider } = await startWithProvider();
  await put(provider, 'Dir/File', 'one');
  await put(provider, 'dir/FILE', 'two');
  expect(await keysOf(provider)).toEqual(['Dir/File']);
  expect(await keysOf(provider, { prefix: 'DIR/' })).toEqual(['DIR/File']);
  expect(await get(provider, 'DIR/file')).toBe('two');
});

it('a page of one level is in the order of its names', async () => {
  const { provider } = await startWithProvider();
  for (const key of ['b', 'Ä', 'c/d', 'A', 'a b/c']) await put(provider, key, '');
  const { items } = await provider.list({ container, prefix: '', delimiter: '/' }, never());
  expect(items.map(({ key }) => key)).toEqual(['A', 'Ä', 'a b/', 'b', 'c/']);
});

it('a prefix that ends within a name goes through every folder that begins so, page by page', async () => {
  const { provider } = await startWithProvider();
  const keys = ['a/no', 'b/fo', 'b/foo/1', 'b/foo/sub/2', 'b/fop/3', 'b/fop/4', 'b/other/5'];
  for (const key of keys) await put(provider, key, '');
  expect(await keysOf(provider, { prefix: 'b/fo', limit: 1 })).toEqual(keys.slice(1, 6));
  expect(await keysOf(provider, { prefix: 'b/fo', delimiter: '/', limit: 1 })).toEqual(['b/fo', 'b/foo/', 'b/fop/']);
  for (const prefix of ['b/fo/', 'none/', '/b', 'b//', 'b//fo', 'b/../a/', 'b\\x/']) {
    expect(await keysOf(provider, { prefix })).toEqual([]);
  }
});

it('a cursor that Dropbox has dropped asks to begin again, and a foreign one is refused', async () => {
  const { server, provider } = await startWithProvider();
  for (const key of ['a', 'b']) await put(provider, key, '');
  const { nextCursor } = await provider.list({ container, prefix: '', limit: 1 }, never());
  const cursor = nextCursor as string;
  server.faults.add({
    match: { route: 'files/list_folder/continue' },
    action: { kind: 'refuse', error: { '.tag': 'reset' } },
  });
  const error = await failure(provider.list({ container, prefix: '', cursor }, never()), 'OBJECT_CHANGED');
  expect(error.retry).toBe('restart');
  await failure(provider.list({ container, prefix: '', cursor: 'e30' }, never()), 'INVALID_INPUT');
});

it('Paper and the like are listed, and reading one names the export that exists', async () => {
  const { server, provider } = await startWithProvider();
  server.plantExportOnly('ann', '/note.paper', ['markdown', 'html']);
  expect(await keysOf(provider)).toEqual(['note.paper']);
  const error = await failure(provider.read({ container, key: 'note.paper' }, never()), 'OBJECT_NOT_READABLE');
  expect(error.message).toContain('markdown or html');
  await failure(provider.offerCopy({ container, key: 'note.paper' }, never()), 'OBJECT_NOT_READABLE');
});

it('the team space and shared folders: what the person sees in each', async () => {
  const server = await startServer();
  server.plantSharedFolder('/Shared', ['ann', 'ben']);
  const [ann, ben] = [open(server), open(server, 'ben')];
  await put(ann, 'Shared/a', 'x');
  await put(ann, 'Plans/b', 'y', undefined, 'team');
  expect(await keysOf(ann)).toEqual(['Shared/a']);
  expect(await keysOf(ann, { container: 'team' })).toEqual(['Plans/b', 'ann/Shared/a']);
  expect(await get(ann, 'ann/Shared/a', 'team')).toBe('x');
  expect(await get(ben, 'Shared/a')).toBe('x');
  expect((await ben.listContainers({}, never())).items.map(({ name }) => name)).toEqual(['dropbox']);
  await failure(ben.list({ container: 'team', prefix: '' }, never()), 'CONTAINER_NOT_FOUND');
});

it('deleting a file never deletes a folder of its name, and a folder only when it is empty', async () => {
  const { provider } = await startWithProvider();
  await put(provider, 'full/a', '');
  await provider.createFolder({ container, key: 'empty/' }, never());
  const keys = ['full', 'full/', 'empty/', 'none', 'none/', 'full/a/', 'bad\\name'];
  const { failed } = await provider.deleteObjects({ container, keys }, never());
  expect(failed).toEqual([{ key: 'full/', code: 'CONFLICT', message: 'The folder is not empty.' }]);
  expect(await keysOf(provider, { delimiter: '/' })).toEqual(['full/']);
  expect(await keysOf(provider)).toEqual(['full/a']);
});

it('a file that changes while it is being deleted stays', async () => {
  const { server, provider } = await startWithProvider();
  await put(provider, 'a', 'old');
  const { promise: until, resolve } = Promise.withResolvers<void>();
  const held = server.faults.add({ match: { route: 'files/delete_batch' }, action: { kind: 'hold', until } });
  const deleting = provider.deleteObjects({ container, keys: ['a'] }, never());
  await held.hit;
  await put(open(server), 'a', 'new');
  resolve();
  expect((await deleting).failed).toMatchObject([{ key: 'a', code: 'PRECONDITION_FAILED' }]);
  expect(await get(provider, 'a')).toBe('new');
});

it('a folder is made once, and not where a file is', async () => {
  const { provider } = await startWithProvider();
  await put(provider, 'file', '');
  await failure(provider.createFolder({ container, key: 'file/' }, never()), 'NAME_COLLISION');
  await failure(provider.createFolder({ container, key: 'no slash' }, never()), 'INVALID_INPUT');
  await failure(provider.stat({ container, key: 'folder' }, never()), 'OBJECT_NOT_FOUND');
});

it('names that Dropbox cannot hold: with more than 255 characters between slashes, blanks at an end, its own', async () => {
  const { provider } = await startWithProvider();
  for (const key of ['a\\b', 'a /b', 'a ', 'x/.DS_Store', 'Thumbs.db', 'n'.repeat(256), 'a//b', '../a', 'a/']) {
    expect(() => provider.checkName(key)).toThrow(expect.objectContaining({ code: 'NAME_NOT_ALLOWED' }));
  }
  const long = Array.from({ length: 8 }, () => '😀'.repeat(127)).join('/');
  provider.checkName(long);
  await put(provider, long, 'x');
  expect(await get(provider, long)).toBe('x');
});

it('a download streams: no more of it is held than the connection’s buffers', async () => {
  const { provider } = await startWithProvider();
  const bytes = Buffer.alloc(64 * 1024 * 1024, 3);
  await provider.write({ container, key: 'large', body: streamOf(bytes), metadata: { user: {} } }, never());
  const { stream } = await provider.read({ container, key: 'large' }, never());
  await new Promise((resolve) => stream.once('readable', resolve));
  expect(stream.readableLength).toBeLessThan(1024 * 1024);
  stream.destroy();
});

it('a link is for anybody who has it, and for the version that was meant', async () => {
  const { provider } = await startWithProvider();
  const { version: pin } = await put(provider, 'a', 'linked');
  const link = await provider.presign({ container, key: 'a', pin, expiresInMs: 4 * 3_600_000 }, never());
  expect(await (await fetch(link)).text()).toBe('linked');
  await put(provider, 'a', 'changed');
  await failure(provider.presign({ container, key: 'a', pin, expiresInMs: 4 * 3_600_000 }, never()), 'OBJECT_CHANGED');
});
