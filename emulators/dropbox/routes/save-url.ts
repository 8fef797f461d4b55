import { text } from '../arguments.ts';
import { blobOf } from '../blob.ts';
import { RouteError, type Union, union } from '../errors.ts';
import { type Call, metadataOf, type Route, requireSpace, writing } from '../service.ts';

/** "The download operation will abort after 15 minutes": https://www.dropbox.com/developers/documentation/http/documentation#files-save_url */
const TIMEOUT_MS = 15 * 60 * 1000;

const failed = (error: Union) => ({ '.tag': 'failed', failed: error });

async function save(call: Call, path: string, url: string, signal: AbortSignal): Promise<unknown> {
  let chunks: Buffer[];
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) return failed(union('download_failed'));
    chunks = [Buffer.from(await response.arrayBuffer())];
  } catch {
    return failed(union('download_failed'));
  }
  const { forest } = call.service;
  const blob = blobOf(chunks);
  // What is there stays: the file is renamed, and nothing says so but its path.
  const commit = {
    path,
    mode: { tag: 'add' },
    autorename: true,
    strictConflict: true,
    clientModified: undefined,
  } as const;
  try {
    const saveNow = () => {
      requireSpace(call, blob.size);
      return forest.commit(call.root, blob, commit);
    };
    const node = await writing(call, [forest.namespaceOf(call.root, path)], saveNow, 'wait');
    return { ...metadataOf(call, node), '.tag': 'complete' };
  } catch (error) {
    return failed(error instanceof RouteError ? union('path', error.error) : union('other'));
  }
}

export const saveUrlRoutes: Record<string, Route> = {
  'files/save_url': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => {
      const [path, url] = [text(call.argument, 'path'), text(call.argument, 'url')];
      if (!/^https?:/.test(URL.parse(url)?.protocol ?? '')) throw new RouteError(union('invalid_url'));
      const controller = new AbortController();
      const limit = { endsAt: call.service.now() + TIMEOUT_MS, giveUp: () => controller.abort() };
      return call.service.jobs.launch(save(call, path, url, controller.signal), limit);
    },
  },
  'files/save_url/check_job_status': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => call.service.jobs.check(text(call.argument, 'async_job_id')),
  },
};
