import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GcsServer } from './server.ts';
import { startTestServer, testBytes } from './testing/support.ts';

const run = promisify(execFile);
const MEBIBYTE = 1024 * 1024;

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'skyferry-gcs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Debian's rclone with its Google Cloud Storage backend. Its service account key names this server's token endpoint, so
 * that it signs its own assertions; its endpoint is the root of the JSON API, plain http included. A missing rclone fails
 * the test: it is what keeps the server honest.
 */
function rclone(server: GcsServer): (...args: string[]) => Promise<string> {
  const home = temporaryDirectory();
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    RCLONE_CONFIG: join(home, 'none.conf'),
    RCLONE_CONFIG_GCS_TYPE: 'google cloud storage',
    RCLONE_CONFIG_GCS_ENDPOINT: `${server.endpoint}/storage/v1/`,
    RCLONE_CONFIG_GCS_PROJECT_NUMBER: server.projectId,
    RCLONE_CONFIG_GCS_SERVICE_ACCOUNT_CREDENTIALS: JSON.stringify(JSON.parse(server.serviceAccountKey())),
    RCLONE_CONFIG_GCS_BUCKET_POLICY_ONLY: 'true',
    RCLONE_NO_UNICODE_NORMALIZATION: 'true',
    RCLONE_RETRIES: '1',
    RCLONE_LOW_LEVEL_RETRIES: '1',
  };
  return async (...args) => {
    try {
      return (await run('rclone', args, { env, maxBuffer: 64 * MEBIBYTE, timeout: 60_000 })).stdout;
    } catch (caught) {
      const error = caught as Error & { code?: string | number; stderr?: string };
      if (error.code === 'ENOENT') throw new Error('rclone is not in PATH. From Debian: apt-get install rclone');
      throw new Error(`rclone ${args.join(' ')} ended with ${error.code}: ${error.stderr}`);
    }
  };
}

const TREE: Readonly<Record<string, Buffer>> = {
  'plain.txt': Buffer.from('plain'),
  empty: Buffer.alloc(0),
  'a/b/c/deep.bin': testBytes(100_000, 1),
  'a/space in name.txt': testBytes(10, 2),
  'a/ leading and trailing ': testBytes(10, 3),
  'plus+and%25percent.txt': testBytes(10, 4),
  'query?hash#amp&semi;.txt': testBytes(10, 5),
  'quotes\'and"double".txt': testBytes(10, 6),
  Case: testBytes(10, 8),
  case: testBytes(10, 9),
  'caf\u00e9': testBytes(10, 10),
  'cafe\u0301': testBytes(10, 11),
  '\u{1f600}/\uff41': testBytes(10, 12),
  'star*paren(1)~tilde!': testBytes(10, 13),
  // More than its chunk of 16 MiB: a resumable upload.
  'large.bin': testBytes(17 * MEBIBYTE + 3, 16),
};

function writeTree(): string {
  const directory = temporaryDirectory();
  for (const [name, content] of Object.entries(TREE)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    utimesSync(path, 1_600_000_000, 1_600_000_000.25);
  }
  return directory;
}

function expectSameTree(directory: string): void {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = found.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  expect(names.sort()).toEqual(Object.keys(TREE).sort());
  for (const name of names) expect(readFileSync(join(directory, name)).equals(TREE[name] as Buffer), name).toBe(true);
}

describe("Debian's rclone", () => {
  it('signs in by its own assertions, syncs a tree up, checks it by hash, and syncs it down unchanged', async () => {
    const server = await startTestServer();
    const remote = rclone(server);
    const local = writeTree();
    await remote('sync', local, 'gcs:bucket/tree');
    expect(server.observer.count('token')).toBe(1);
    expect(server.observer.count('objects.resume')).toBe(2);
    await remote('check', local, 'gcs:bucket/tree');
    await remote('check', '--download', local, 'gcs:bucket/tree');
    const listed = (await remote('lsf', '-R', '--files-only', 'gcs:bucket/tree')).trimEnd().split('\n');
    expect(listed.sort()).toEqual(Object.keys(TREE).sort());
    const down = temporaryDirectory();
    await remote('sync', 'gcs:bucket/tree', down);
    expectSameTree(down);
  });

  it('finds nothing to do in a second sync, and keeps times in the metadata', async () => {
    const server = await startTestServer();
    const remote = rclone(server);
    const local = writeTree();
    await remote('sync', local, 'gcs:bucket/tree');
    const [file] = JSON.parse(await remote('lsjson', 'gcs:bucket/tree/plain.txt')) as [{ ModTime: string }];
    expect(Date.parse(file.ModTime)).toBe(1_600_000_000_250);
    const inserted = server.observer.count('objects.insert');
    await remote('sync', local, 'gcs:bucket/tree');
    expect(server.observer.count('objects.insert')).toBe(inserted);
    await remote('touch', '--timestamp', '2001-02-03T04:05:06', 'gcs:bucket/tree/plain.txt');
    const [touched] = JSON.parse(await remote('lsjson', 'gcs:bucket/tree/plain.txt')) as [{ ModTime: string }];
    expect(Date.parse(touched.ModTime)).toBe(Date.UTC(2001, 1, 3, 4, 5, 6));
  });

  it('makes a bucket, copies and moves on the server by rewriting, reads ranges, and purges', async () => {
    const server = await startTestServer({ rewriteBytes: 8 * MEBIBYTE });
    const remote = rclone(server);
    await remote('copy', writeTree(), 'gcs:bucket/tree');
    await remote('mkdir', 'gcs:other-bucket');
    await remote('copy', 'gcs:bucket/tree', 'gcs:other-bucket/copy');
    // The large one takes three requests.
    expect(server.observer.count('objects.rewrite')).toBe(Object.keys(TREE).length + 2);
    await remote('check', '--download', 'gcs:bucket/tree', 'gcs:other-bucket/copy');
    await remote('moveto', 'gcs:other-bucket/copy/plain.txt', 'gcs:other-bucket/moved + renamed.txt');
    const range = ['--offset', '1', '--count', '3'];
    expect(await remote('cat', ...range, 'gcs:other-bucket/moved + renamed.txt')).toBe('lai');
    await remote('purge', 'gcs:other-bucket');
    expect((await remote('lsd', 'gcs:')).trim()).toMatch(/ bucket$/);
  });
});
