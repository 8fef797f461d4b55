import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { bytesUpload, Dropbox, type files, uploadFile } from 'dropbox';
import { Agent, request } from 'undici';
import { startDropboxServer } from '../../../emulators/dropbox/server.ts';
import {
  adapterClient,
  arriving,
  type BenchClient,
  type BenchedProvider,
  drain,
  inParts,
  partBytes,
  partsAtOnce,
} from './client.ts';

interface Served {
  endpoint: string;
}

const appKey = 'bench';
const refreshToken = 'a grant of the bench';
const blockBytes = 4 * 1024 * 1024;

/**
 * Every contender compares the content hash of what it wrote, or has Dropbox check it before. The server refuses commits
 * that meet, as Dropbox does; each contender sees to it that its own do not, so that none waits a second for its retry.
 */
export const dropbox: BenchedProvider<Served> = {
  async start() {
    const { endpoint } = await startDropboxServer({
      apps: [{ key: appKey }],
      accounts: [{ id: 'bench', refreshTokens: [refreshToken] }],
    });
    return { endpoint };
  },
  adapter: ({ endpoint }) => adapterClient({ provider: 'dropbox', endpoint, appKey, refreshToken }, 'dropbox'),
  /**
   * Small objects as Dropbox's performance guide advises: a session each, which is closed at once, and commits in
   * batches. Large ones by the SDK's own parallel upload. It reads whole objects into memory, and has no other way.
   */
  async sdk({ endpoint }): Promise<BenchClient> {
    const client = new Dropbox({
      clientId: appKey,
      refreshToken,
      // It speaks https to hosts of its own only.
      fetch: (input: string, init: RequestInit) => {
        const { pathname, search } = new URL(input);
        return fetch(endpoint + pathname + search, init);
      },
    });
    const commit = batches(async (entries: files.UploadSessionFinishArg[]) => {
      const { result } = await client.filesUploadSessionFinishBatchV2({ entries });
      return result.entries.map((entry) => {
        if (entry['.tag'] !== 'success') throw new Error(JSON.stringify(entry));
        return entry;
      });
    });
    return {
      async put(key, contents) {
        const content_hash = contentHash(contents);
        const { result } = await client.filesUploadSessionStart({ close: true, content_hash, contents });
        const cursor = { session_id: result.session_id, offset: contents.byteLength };
        expectHash(await commit({ cursor, commit: commitOf(key) }), content_hash);
      },
      async putLarge(key, bytes) {
        const options = { chunkSize: partBytes, parallelUploads: partsAtOnce };
        const { metadata } = await uploadFile(client, bytesUpload(bytes), commitOf(key), options);
        expectHash(metadata, contentHash(bytes));
      },
      async get(key) {
        const { result } = await client.filesDownload({ path: `/${key}` });
        return (result as unknown as { fileBinary: Buffer }).fileBinary.byteLength;
      },
      close: async () => {},
    };
  },
  /** Plain: one request for a small object, one after another because they commit, and parts for a large one. */
  async undici({ endpoint }): Promise<BenchClient> {
    const dispatcher = new Agent({ pipelining: 1 });
    const signedIn = await request(`${endpoint}/oauth2/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: appKey,
      }).toString(),
      dispatcher,
    });
    const { access_token: token } = (await signedIn.body.json()) as { access_token: string };
    const send = async (
      route: string,
      argument: object,
      body?: Uint8Array | Readable,
      headers: Record<string, string> = {},
    ) => {
      const answer = await request(`${endpoint}/2/files/${route}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'dropbox-api-arg': JSON.stringify(argument),
          ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
          ...headers,
        },
        dispatcher,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.statusCode >= 300) throw new Error(await answer.body.text());
      return answer.body;
    };
    let last: Promise<unknown> = Promise.resolve();
    return {
      async put(key, bytes) {
        const argument = { ...commitOf(key), content_hash: contentHash(bytes) };
        const done = last.then(async () => (await send('upload', argument, bytes)).dump());
        last = done;
        await done;
      },
      async putLarge(key, bytes) {
        const start = await send('upload_session/start', { session_type: 'concurrent' }, new Uint8Array());
        const { session_id } = (await start.json()) as { session_id: string };
        const size = bytes.byteLength;
        const append = async (part: Uint8Array, _number: number, offset: number) => {
          const close = offset + part.byteLength === size;
          const { body, headers } = arriving(part);
          const answer = await send(
            'upload_session/append_v2',
            { cursor: { session_id, offset }, close },
            body,
            headers,
          );
          await answer.dump();
        };
        await inParts(bytes, append, true);
        const argument = { cursor: { session_id, offset: size }, commit: commitOf(key) };
        const finish = await send('upload_session/finish', argument, new Uint8Array());
        expectHash((await finish.json()) as files.FileMetadata, contentHash(bytes));
      },
      get: async (key) => drain(await send('download', { path: `/${key}` })),
      close: () => dispatcher.close(),
    };
  },
};

function commitOf(key: string) {
  return { path: `/${key}`, mode: { '.tag': 'overwrite' as const }, autorename: false };
}

function expectHash({ content_hash: actual }: { content_hash?: string }, expected: string): void {
  if (actual !== expected) throw new Error('The file is not what was sent.');
}

/** Dropbox, "Content hash". */
function contentHash(bytes: Uint8Array): string {
  const whole = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += blockBytes) {
    whole.update(
      createHash('sha256')
        .update(bytes.subarray(at, at + blockBytes))
        .digest(),
    );
  }
  return whole.digest('hex');
}

/** Gathers the entries that come while a batch is under way into the next one. */
function batches<Entry, Result>(send: (entries: Entry[]) => Promise<Result[]>): (entry: Entry) => Promise<Result> {
  let waiting: Entry[] = [];
  let next: Promise<Result[]> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return async (entry) => {
    const index = waiting.push(entry) - 1;
    next ??= last.then(() => {
      const entries = waiting;
      waiting = [];
      next = undefined;
      return send(entries);
    });
    last = next;
    return (await next)[index] as Result;
  };
}
