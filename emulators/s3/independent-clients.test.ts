import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { S3Server } from './server.ts';
import { CREDENTIALS, STORES, sdkClient, startTestServer, temporaryDirectory, testBytes } from './testing/support.ts';

const run = promisify(execFile);
const MEBIBYTE = 1024 * 1024;

/** A tool from PATH. A missing tool fails the test: these tests are what keeps the server honest. */
async function tool(name: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  try {
    const options = { env: { PATH: process.env.PATH, ...env }, maxBuffer: 64 * MEBIBYTE, timeout: 60_000 };
    return (await run(name, args, options)).stdout;
  } catch (caught) {
    const error = caught as Error & { code?: string | number; stderr?: string };
    if (error.code === 'ENOENT') {
      throw new Error(`${name} is not in PATH. It comes from Debian: apt-get install ${name}`);
    }
    throw new Error(`${name} ${args.join(' ')} ended with ${error.code}: ${error.stderr}`);
  }
}

/** File names of a local tree whose keys are hard for clients and servers alike. */
const TREE: Readonly<Record<string, Buffer>> = {
  'plain.txt': Buffer.from('plain'),
  empty: Buffer.alloc(0),
  'a/b/c/deep.bin': testBytes(100_000, 1),
  'a/space in name.txt': testBytes(10, 2),
  'a/ leading and trailing ': testBytes(10, 3),
  'plus+and%25percent.txt': testBytes(10, 4),
  'query?hash#amp&semi;.txt': testBytes(10, 5),
  'quotes\'and"double".txt': testBytes(10, 6),
  '<xml>&amp;': testBytes(10, 7),
  Case: testBytes(10, 8),
  case: testBytes(10, 9),
  'caf\u00e9': testBytes(10, 10),
  'cafe\u0301': testBytes(10, 11),
  '\u{1f600}/\uff41': testBytes(10, 12),
  'star*paren(1)~tilde!': testBytes(10, 13),
  'back\\slash:colon|pipe': testBytes(10, 14),
  '...': testBytes(10, 15),
  'two parts.bin': testBytes(11 * MEBIBYTE, 16),
};

function writeTree(names = Object.keys(TREE)): string {
  const directory = temporaryDirectory();
  for (const name of names) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, TREE[name] as Buffer);
    utimesSync(path, 1_600_000_000, 1_600_000_000.25);
  }
  return directory;
}

function readTree(directory: string): Record<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(directory.length + 1), readFileSync(path)];
    }),
  );
}

function expectSameTree(directory: string, expected: Readonly<Record<string, Buffer>> = TREE): void {
  const found = readTree(directory);
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, content] of Object.entries(expected)) {
    expect(found[name]?.equals(content), name).toBe(true);
  }
}

function rclone(server: S3Server): (...args: string[]) => Promise<string> {
  const home = temporaryDirectory();
  const env = {
    HOME: home,
    RCLONE_CONFIG: join(home, 'none.conf'),
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: 'Other',
    RCLONE_CONFIG_S3_ENDPOINT: server.endpoint,
    RCLONE_CONFIG_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    // Parts of the smallest size, so that a few MiB are a multipart upload and a multipart copy.
    RCLONE_CONFIG_S3_UPLOAD_CUTOFF: '5M',
    RCLONE_CONFIG_S3_CHUNK_SIZE: '5M',
    RCLONE_CONFIG_S3_COPY_CUTOFF: '5M',
    // The tree holds a name in two normal forms, which are two keys.
    RCLONE_NO_UNICODE_NORMALIZATION: 'true',
    RCLONE_RETRIES: '1',
    RCLONE_LOW_LEVEL_RETRIES: '1',
  };
  return (...args) => tool('rclone', args, env);
}

describe.each(STORES)("Debian's rclone against a store in %s", (store) => {
  it('syncs a tree up, checks it, and syncs it down unchanged', async () => {
    const server = await startTestServer({ store });
    const remote = rclone(server);
    const local = writeTree();
    await remote('sync', local, 's3:bucket/tree');
    expect(server.observer.counters('UploadPart').requests).toBe(3);
    await remote('check', local, 's3:bucket/tree');
    await remote('check', '--download', local, 's3:bucket/tree');
    const listed = (await remote('lsf', '-R', '--files-only', 's3:bucket/tree')).trimEnd().split('\n');
    expect(listed.sort()).toEqual(Object.keys(TREE).sort());
    const down = temporaryDirectory();
    await remote('sync', 's3:bucket/tree', down);
    expectSameTree(down);
  });

  it('finds nothing to do in a second sync, by size and by the time in the metadata', async () => {
    const server = await startTestServer({ store });
    const remote = rclone(server);
    const local = writeTree();
    await remote('sync', local, 's3:bucket/tree');
    const [file] = JSON.parse(await remote('lsjson', 's3:bucket/tree/plain.txt')) as [
      { ModTime: string; Size: number },
    ];
    expect(file).toMatchObject({ Size: 5 });
    expect(Date.parse(file.ModTime)).toBe(1_600_000_000_250);
    server.observer.resetCounters();
    await remote('sync', local, 's3:bucket/tree');
    expect(server.observer.counters('PutObject').requests).toBe(0);
    expect(server.observer.counters('CreateMultipartUpload').requests).toBe(0);
  });

  it('copies and moves on the server, in parts where the object is large', async () => {
    const server = await startTestServer({ store });
    const remote = rclone(server);
    await remote('copy', writeTree(), 's3:bucket/tree');
    await remote('mkdir', 's3:other');
    await remote('copy', 's3:bucket/tree', 's3:other/copy');
    expect(server.observer.counters('UploadPartCopy').requests).toBe(3);
    expect(server.observer.counters('CopyObject').requests).toBe(Object.keys(TREE).length - 1);
    await remote('check', '--download', 's3:bucket/tree', 's3:other/copy');
    await remote('moveto', 's3:other/copy/plain.txt', 's3:other/moved + renamed.txt');
    expect(await remote('cat', 's3:other/moved + renamed.txt')).toBe('plain');
    expect(await remote('cat', '--offset', '1', '--count', '3', 's3:other/moved + renamed.txt')).toBe('lai');
  });

  it('changes the time of an object by a copy onto itself', async () => {
    const remote = rclone(await startTestServer({ store }));
    await remote('copy', writeTree(['plain.txt']), 's3:bucket');
    await remote('touch', '--timestamp', '2001-02-03T04:05:06', 's3:bucket/plain.txt');
    const [file] = JSON.parse(await remote('lsjson', 's3:bucket/plain.txt')) as [{ ModTime: string }];
    expect(Date.parse(file.ModTime)).toBe(Date.UTC(2001, 1, 3, 4, 5, 6));
    expect(await remote('cat', 's3:bucket/plain.txt')).toBe('plain');
  });

  it('makes links that work without credentials', async () => {
    const remote = rclone(await startTestServer({ store }));
    await remote('copy', writeTree(), 's3:bucket');
    for (const name of ['plain.txt', 'plus+and%25percent.txt', '\u{1f600}/\uff41']) {
      const url = (await remote('link', '--expire', '10m', `s3:bucket/${name}`)).trim();
      const response = await fetch(url);
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(TREE[name] as Buffer)).toBe(true);
    }
  });

  it('lists long folders in pages and by delimiter', async () => {
    const server = await startTestServer({ store });
    const remote = rclone(server);
    const local = temporaryDirectory();
    for (let index = 0; index < 250; index += 1) {
      mkdirSync(join(local, `d${index % 5}`), { recursive: true });
      writeFileSync(join(local, `d${index % 5}`, `f${index}`), String(index));
    }
    await remote('copy', '--transfers', '16', local, 's3:bucket');
    const pages = ['--s3-list-chunk', '7'];
    expect(
      (await remote('lsf', '-R', '--files-only', '--fast-list', ...pages, 's3:bucket')).trim().split('\n'),
    ).toHaveLength(250);
    expect((await remote('lsf', ...pages, 's3:bucket')).trim().split('\n')).toEqual([
      'd0/',
      'd1/',
      'd2/',
      'd3/',
      'd4/',
    ]);
    expect((await remote('lsf', ...pages, 's3:bucket/d3')).trim().split('\n')).toHaveLength(50);
    await remote('lsf', '-R', '--s3-list-version', '1', ...pages, 's3:bucket');
    expect(server.observer.counters('ListObjects').requests).toBeGreaterThan(1);
  });

  it('deletes a tree and its bucket', async () => {
    const server = await startTestServer({ store });
    const remote = rclone(server);
    await remote('copy', writeTree(), 's3:bucket/tree');
    await remote('delete', 's3:bucket/tree');
    expect(await remote('lsf', '-R', 's3:bucket')).toBe('');
    await remote('rmdir', 's3:bucket');
    expect(await remote('lsd', 's3:')).toBe('');
  });

  it('lists and reads the versions of an object, and removes the hidden ones', async () => {
    const server = await startTestServer({ store, versioning: true });
    const remote = rclone(server);
    const local = temporaryDirectory();
    for (const content of ['one', 'second']) {
      writeFileSync(join(local, 'file.txt'), content);
      await remote('copy', local, 's3:bucket');
    }
    const list = async (...flags: string[]) => (await remote('lsf', ...flags, 's3:bucket')).trim().split('\n');
    const listed = await list('--s3-versions');
    expect(listed).toEqual([expect.stringMatching(/^file-v[\d-]+\.txt$/), 'file.txt']);
    expect(await remote('cat', 's3:bucket/file.txt')).toBe('second');
    expect(await remote('cat', '--s3-versions', `s3:bucket/${listed[0]}`)).toBe('one');
    await remote('deletefile', 's3:bucket/file.txt');
    expect(await list()).toEqual(['']);
    await remote('backend', 'cleanup-hidden', 's3:bucket');
    expect(await list('--s3-versions')).toEqual(['']);
  });

  it('is told of wrong credentials and of missing buckets', async () => {
    const server = await startTestServer({ store });
    await expect(rclone(server)('lsf', 's3:no-such-bucket')).rejects.toThrow(/directory not found/);
    await expect(rclone(server)('lsf', '--s3-secret-access-key', 'wrong', 's3:bucket')).rejects.toThrow(
      /SignatureDoesNotMatch/,
    );
  });
});

function s3cmd(server: S3Server): (...args: string[]) => Promise<string> {
  const home = temporaryDirectory();
  const config = join(home, 's3cfg');
  const host = `127.0.0.1:${server.port}`;
  const lines = [
    '[default]',
    `access_key = ${CREDENTIALS.accessKeyId}`,
    `secret_key = ${CREDENTIALS.secretAccessKey}`,
    `host_base = ${host}`,
    `host_bucket = ${host}`,
    'use_https = False',
    'multipart_chunk_size_mb = 5',
    'max_retries = 1',
  ];
  writeFileSync(config, lines.join('\n'));
  return (...args) =>
    tool('s3cmd', ['--config', config, '--no-progress', ...args], { HOME: home, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' });
}

describe.each(STORES)("Debian's s3cmd against a store in %s", (store) => {
  it('makes a bucket, syncs a tree up and down, and lists it', async () => {
    const server = await startTestServer({ store });
    const remote = s3cmd(server);
    await remote('mb', 's3://made-by-s3cmd');
    expect(await remote('ls')).toContain('s3://made-by-s3cmd');
    expect(await remote('info', 's3://made-by-s3cmd')).toMatch(/Location:\s+us-east-1\n/);
    const local = writeTree();
    await remote('sync', `${local}/`, 's3://made-by-s3cmd/tree/');
    expect(server.observer.counters('UploadPart').requests).toBe(3);
    const listed = await remote('ls', '--recursive', 's3://made-by-s3cmd/tree/');
    for (const name of Object.keys(TREE)) {
      expect(listed).toContain(`s3://made-by-s3cmd/tree/${name}\n`);
    }
    const down = temporaryDirectory();
    await remote('sync', 's3://made-by-s3cmd/tree/', `${down}/`);
    expectSameTree(down);
    server.observer.resetCounters();
    await remote('sync', `${local}/`, 's3://made-by-s3cmd/tree/');
    expect(server.observer.counters('PutObject').requests).toBe(0);
  });

  it('puts, describes, copies, moves, gets and deletes single objects', async () => {
    const remote = s3cmd(await startTestServer({ store }));
    const local = writeTree(['two parts.bin', 'plain.txt']);
    await remote(
      'put',
      '--add-header',
      'x-amz-meta-a:1',
      '--mime-type',
      'text/x',
      join(local, 'plain.txt'),
      's3://bucket/a+b c',
    );
    const info = await remote('info', 's3://bucket/a+b c');
    expect(info).toMatch(/File size:\s+5\n/);
    expect(info).toMatch(/MIME type:\s+text\/x\n/);
    expect(info).toMatch(/x-amz-meta-a:\s+1\n/);
    await remote('cp', 's3://bucket/a+b c', 's3://bucket/copy');
    await remote('mv', 's3://bucket/copy', 's3://bucket/moved');
    await remote('modify', '--add-header', 'Cache-Control:no-store', 's3://bucket/moved');
    expect(await remote('get', 's3://bucket/moved', '-')).toBe('plain');
    await remote('put', join(local, 'two parts.bin'), 's3://bucket/parts');
    await remote('cp', 's3://bucket/parts', 's3://bucket/parts-copy');
    await remote('get', 's3://bucket/parts-copy', join(local, 'down.bin'));
    expect(readFileSync(join(local, 'down.bin')).equals(TREE['two parts.bin'] as Buffer)).toBe(true);
    expect(await remote('du', 's3://bucket')).toContain(String(10 + 2 * 11 * MEBIBYTE));
    await remote('del', 's3://bucket/moved', 's3://bucket/a+b c');
    expect((await remote('ls', 's3://bucket')).trim().split('\n')).toHaveLength(2);
    await remote('del', '--recursive', '--force', 's3://bucket');
    await remote('rb', 's3://bucket');
  });

  it('shows and aborts unfinished uploads', async () => {
    const server = await startTestServer({ store });
    const remote = s3cmd(server);
    const upload = { Bucket: 'bucket', Key: 'a+b c' };
    const client = sdkClient(server);
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
    await client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'x'.repeat(1234) }));
    expect(await remote('multipart', 's3://bucket')).toContain(`s3://bucket/a+b c\t${UploadId}`);
    expect(await remote('listmp', 's3://bucket/a+b c', UploadId as string)).toContain('\t1234\n');
    await remote('abortmp', 's3://bucket/a+b c', UploadId as string);
    expect(await remote('multipart', 's3://bucket')).not.toContain(UploadId);
  });
});
