import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dropbox, files } from 'dropbox';
import { expect, it, onTestFinished } from 'vitest';
import { failure, sdkClient, startWithClient, testBytes } from '../testing/support.ts';

async function download(client: Dropbox, path: string): Promise<Buffer> {
  const { result } = await client.filesDownload({ path });
  return Buffer.from((result as unknown as { fileBinary: Uint8Array }).fileBinary);
}

async function pathsOf(client: Dropbox, arg: files.ListFolderArg): Promise<string[]> {
  let { result } = await client.filesListFolder(arg);
  const entries = [...result.entries];
  while (result.has_more) {
    ({ result } = await client.filesListFolderContinue({ cursor: result.cursor }));
    entries.push(...result.entries);
  }
  return entries.map((entry) => entry.path_display as string).sort();
}

it('Case insensitivity: paths are found in any case and shown as they were made', async () => {
  const { client } = await startWithClient();
  await client.filesUpload({ path: '/Dir/Größe.TXT', contents: 'a' });
  const { result } = await client.filesGetMetadata({ path: '/dIR/größe.txt' });
  expect(result).toMatchObject({ name: 'Größe.TXT', path_display: '/Dir/Größe.TXT', path_lower: '/dir/größe.txt' });
  expect(await download(client, '/DIR/GRÖSSE.txt'.replace('SS', 'ß'))).toEqual(Buffer.from('a'));
});

it.each(['no slash', '/', '/a//b', '/a/', '/a\\b', '/trailing ', '/mid /a', '/..', `/${'n'.repeat(256)}`])(
  'Path formats: %j is malformed',
  async (path) => {
    const { client } = await startWithClient();
    const { status, summary } = await failure(client.filesUpload({ path, contents: '' }));
    expect([status, summary]).toEqual([409, 'path/malformed_path/...']);
  },
);

it('Path formats: id:, rev: and ns: lead to the same file; ignored files are disallowed', async () => {
  const { client } = await startWithClient();
  const { result } = await client.filesUpload({ path: '/a', contents: 'one' });
  const { home_namespace_id: home } = (await client.usersGetCurrentAccount()).result.root_info;
  for (const path of [result.id, `rev:${result.rev}`, `ns:${home}/a`]) {
    expect(await download(client, path)).toEqual(Buffer.from('one'));
  }
  await client.filesUpload({ path: '/a', contents: 'two', mode: { '.tag': 'overwrite' } });
  expect(await failure(client.filesDownload({ path: `rev:${result.rev}` }))).toMatchObject({ status: 409 });
  expect((await failure(client.filesUpload({ path: '/Thumbs.db', contents: '' }))).summary).toMatch(/disallowed_name/);
});

it('Dropbox-API-Arg: non-ASCII characters are escaped, and refused otherwise', async () => {
  const { server, client } = await startWithClient();
  await client.filesUpload({ path: '/東京 😀', contents: 'x' });
  expect(await download(client, '/東京 😀')).toEqual(Buffer.from('x'));
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'appkey', refresh_token: 'refresh-ann' });
  const grant = await fetch(`${server.endpoint}/oauth2/token`, { method: 'POST', body });
  const { access_token: token } = (await grant.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${token}`, 'dropbox-api-arg': '{"path":"/\u00e9"}' };
  const answer = await fetch(`${server.endpoint}/2/files/download`, { method: 'POST', headers });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('Dropbox-API-Arg')]);
});

it('files/download: ranges, Dropbox-API-Result, and files that can only be exported', async () => {
  const { server, client } = await startWithClient();
  await client.filesUpload({ path: '/a', contents: testBytes(1000) });
  const range = (value: string) => client.filesDownload({ path: '/a' }, { extraHeaders: { Range: value } });
  const part = await range('bytes=10-19');
  expect(part.status).toBe(206);
  expect((part.result as unknown as { fileBinary: Buffer }).fileBinary.equals(testBytes(1000).subarray(10, 20))).toBe(
    true,
  );
  expect(part.result).toMatchObject({ name: 'a', size: 1000 });
  expect(await failure(range('bytes=1000-'))).toMatchObject({ status: 416 });
  server.plantExportOnly('ann', '/note.paper', ['markdown', 'html']);
  const { result } = await client.filesGetMetadata({ path: '/note.paper' });
  expect(result).toMatchObject({ is_downloadable: false, export_info: { export_as: 'markdown' } });
  expect((await failure(client.filesDownload({ path: '/note.paper' }))).summary).toBe('unsupported_file/...');
});

it('files/list_folder: one level or all, page by page, the listed folder itself first when it is recursive', async () => {
  const { client } = await startWithClient();
  for (const path of ['/d/a', '/d/b', '/d/sub/c', '/other']) await client.filesUpload({ path, contents: '' });
  expect(await pathsOf(client, { path: '/D', limit: 1 })).toEqual(['/d/a', '/d/b', '/d/sub']);
  expect(await pathsOf(client, { path: '/d', recursive: true, limit: 2 })).toEqual([
    ...['/d', '/d/a', '/d/b', '/d/sub', '/d/sub/c'],
  ]);
  expect(await pathsOf(client, { path: '' })).toEqual(['/d', '/other']);
  expect((await failure(client.filesListFolder({ path: '/none' }))).summary).toBe('path/not_found/...');
  expect((await failure(client.filesListFolder({ path: '/other' }))).summary).toBe('path/not_folder/...');
  expect(await failure(client.filesListFolder({ path: '/' }))).toMatchObject({ status: 400 });
});

it('files/create_folder_v2, move_v2, copy_v2 and delete_v2 refuse what would overwrite', async () => {
  const { client } = await startWithClient();
  await client.filesCreateFolderV2({ path: '/f' });
  expect((await failure(client.filesCreateFolderV2({ path: '/F' }))).summary).toBe('path/conflict/folder/...');
  const { result: file } = await client.filesUpload({ path: '/a', contents: 'a' });
  await client.filesUpload({ path: '/b', contents: 'b' });
  expect((await failure(client.filesMoveV2({ from_path: '/a', to_path: '/B' }))).summary).toBe('to/conflict/file/...');
  await client.filesMoveV2({ from_path: '/a', to_path: '/f/A' });
  await client.filesCopyV2({ from_path: '/f', to_path: '/g' });
  expect(await download(client, '/g/a')).toEqual(Buffer.from('a'));
  expect((await failure(client.filesDeleteV2({ path: '/b', parent_rev: file.rev }))).summary).toMatch(/path_write/);
  await client.filesDeleteV2({ path: '/f' });
  expect(await pathsOf(client, { path: '' })).toEqual(['/b', '/g']);
});

it('files/delete_batch: a job, with a result for each entry', async () => {
  const { client } = await startWithClient();
  await client.filesUpload({ path: '/a', contents: '' });
  const { result } = await client.filesDeleteBatch({ entries: [{ path: '/a' }, { path: '/none' }] });
  const job = result as { async_job_id: string };
  expect((await client.filesDeleteBatchCheck(job)).result).toEqual({ '.tag': 'in_progress' });
  await expect.poll(async () => (await client.filesDeleteBatchCheck(job)).result['.tag']).toBe('complete');
  expect((await client.filesDeleteBatchCheck(job)).result).toMatchObject({
    entries: [
      { '.tag': 'success' },
      { '.tag': 'failure', failure: { '.tag': 'path_lookup', path_lookup: { '.tag': 'not_found' } } },
    ],
  });
});

it('files/copy_reference: another account saves what the first one offers', async () => {
  const { server, client } = await startWithClient();
  await client.filesUpload({ path: '/a', contents: 'shared' });
  const { copy_reference } = (await client.filesCopyReferenceGet({ path: '/a' })).result;
  const ben = sdkClient(server, { refreshToken: 'refresh-ben' });
  await ben.filesCopyReferenceSave({ path: '/copy', copy_reference });
  expect(await download(ben, '/copy')).toEqual(Buffer.from('shared'));
  expect((await failure(ben.filesCopyReferenceSave({ path: '/copy', copy_reference }))).summary).toMatch(/conflict/);
  expect((await failure(ben.filesCopyReferenceSave({ path: '/x', copy_reference: 'no' }))).summary).toMatch(/invalid/);
});

it('files/save_url: fetches as a job, and renames silently on a conflict', async () => {
  const { client } = await startWithClient();
  const source = createServer((request, response) => {
    response.statusCode = request.url === '/ok' ? 200 : 404;
    response.end('fetched');
  }).listen(0, '127.0.0.1');
  await once(source, 'listening');
  onTestFinished(() => void source.close());
  const origin = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
  await client.filesUpload({ path: '/a', contents: 'mine' });
  const save = async (url: string) => {
    const job = (await client.filesSaveUrl({ path: '/a', url })).result as { async_job_id: string };
    let status: files.SaveUrlJobStatus;
    do status = (await client.filesSaveUrlCheckJobStatus(job)).result as files.SaveUrlJobStatus;
    while (status['.tag'] === 'in_progress');
    return status;
  };
  expect(await save(`${origin}/ok`)).toMatchObject({ '.tag': 'complete', name: 'a (1)' });
  expect(await download(client, '/a')).toEqual(Buffer.from('mine'));
  expect(await save(`${origin}/no`)).toMatchObject({ '.tag': 'failed', failed: { '.tag': 'download_failed' } });
});

it('files/get_temporary_link: for anybody, for four hours', async () => {
  const { server, client } = await startWithClient();
  await client.filesUpload({ path: '/a', contents: 'linked' });
  const { link } = (await client.filesGetTemporaryLink({ path: '/a' })).result;
  expect(await (await fetch(link)).text()).toBe('linked');
  server.advance(4 * 60 * 60 * 1000);
  expect((await fetch(link)).status).toBe(410);
});

it('Dropbox-API-Path-Root: the team space holds the home folder, shared folders are mounted in homes', async () => {
  const { server, client } = await startWithClient();
  server.plantSharedFolder('/Both', ['ann', 'ben']);
  await client.filesUpload({ path: '/both/a', contents: 'x' });
  expect(await download(sdkClient(server, { refreshToken: 'refresh-ben' }), '/Both/a')).toEqual(Buffer.from('x'));
  const { root_namespace_id: root } = (await client.usersGetCurrentAccount()).result.root_info;
  const pathRoot = (id: string) => ({ pathRoot: JSON.stringify({ '.tag': 'root', root: id }) });
  expect(await pathsOf(sdkClient(server, pathRoot(root)), { path: '', recursive: true })).toEqual([
    ...['/ann', '/ann/Both', '/ann/Both/a'],
  ]);
  expect(await failure(sdkClient(server, pathRoot('1')).filesListFolder({ path: '' }))).toMatchObject({ status: 422 });
});
