import { commitOf, flag, integer, list, struct, tagOf, text } from '../arguments.ts';
import { blobOf, contentHash } from '../blob.ts';
import { RouteError, union, within } from '../errors.ts';
import { type Call, metadataOf, type Route, requireSessionSpace, requireSpace, writing } from '../service.ts';

type Fields = Record<string, unknown>;

/**
 * "If provided and the uploaded content does not match this hash, an error will be returned."
 * @throws RouteError content_hash_mismatch
 */
function verifyHash({ argument, chunks }: Call): void {
  const { content_hash: stated } = argument;
  if (stated !== undefined && stated !== contentHash(chunks)) throw new RouteError(union('content_hash_mismatch'));
}

function withoutTag({ '.tag': _tag, ...rest }: Fields): Fields {
  return rest;
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function cursorOf(fields: Fields): { id: string; offset: number } {
  const cursor = struct(fields, 'cursor');
  return { id: text(cursor, 'session_id'), offset: integer(cursor, 'offset') };
}

/** Commits what a session holds, which ends it. @throws RouteError with an UploadSessionFinishError */
function finish(call: Call, entry: Fields, chunks: readonly Buffer[], mustBeClosed: boolean): Fields {
  const { sessions, forest } = call.service;
  const { id, offset } = cursorOf(entry);
  const blob = sessions.complete(call.account.id, id, offset, chunks, mustBeClosed);
  const commit = commitOf(struct(entry, 'commit'));
  const node = within('path', () => {
    requireSpace(call, blob.size);
    return forest.commit(call.root, blob, commit);
  });
  sessions.drop(id);
  return metadataOf(call, node);
}

function finishAll(call: Call, entries: Fields[]): Fields[] {
  return entries.map((entry) => {
    try {
      return { ...finish(call, entry, [], true), '.tag': 'success' };
    } catch (error) {
      if (error instanceof RouteError) return { '.tag': 'failure', failure: error.error };
      throw error;
    }
  });
}

function namespacesOf(call: Call, entries: Fields[]) {
  return entries.flatMap((entry) => {
    try {
      return [call.service.forest.namespaceOf(call.root, text(struct(entry, 'commit'), 'path'))];
    } catch {
      return [];
    }
  });
}

const scope = 'files.content.write';

/** https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-start and the pages after it. */
export const uploadRoutes: Record<string, Route> = {
  'files/upload': {
    style: 'upload',
    scope,
    run: async (call) => {
      verifyHash(call);
      const { forest } = call.service;
      const commit = commitOf(call.argument);
      const blob = blobOf(call.chunks);
      const commitNow = () => {
        requireSpace(call, blob.size);
        return forest.commit(call.root, blob, commit);
      };
      try {
        const node = await writing(call, [forest.namespaceOf(call.root, commit.path)], commitNow);
        return withoutTag(metadataOf(call, node));
      } catch (error) {
        // UploadError.path is UploadWriteFailed, a struct: its reason stands beside the tag.
        if (error instanceof RouteError) {
          throw new RouteError({ '.tag': 'path', reason: error.error, upload_session_id: '' });
        }
        throw error;
      }
    },
  },
  'files/upload_session/start': {
    style: 'upload',
    scope,
    run: (call) => {
      verifyHash(call);
      requireSessionSpace(call, lengthOf(call.chunks));
      const isConcurrent = tagOf(call.argument.session_type) === 'concurrent';
      const close = flag(call.argument, 'close');
      return { session_id: call.service.sessions.start(call.account.id, isConcurrent, call.chunks, close) };
    },
  },
  'files/upload_session/start_batch': {
    style: 'rpc',
    scope,
    run: (call) => {
      const count = integer(call.argument, 'num_sessions', 1, 1000);
      const isConcurrent = tagOf(call.argument.session_type) === 'concurrent';
      const { sessions } = call.service;
      return {
        session_ids: Array.from({ length: count }, () => sessions.start(call.account.id, isConcurrent, [], false)),
      };
    },
  },
  'files/upload_session/append_v2': {
    style: 'upload',
    scope,
    run: (call) => {
      verifyHash(call);
      requireSessionSpace(call, lengthOf(call.chunks));
      const { id, offset } = cursorOf(call.argument);
      call.service.sessions.append(call.account.id, id, offset, call.chunks, flag(call.argument, 'close'));
      return null;
    },
  },
  'files/upload_session/finish': {
    style: 'upload',
    scope,
    run: async (call) => {
      verifyHash(call);
      const metadata = await writing(call, namespacesOf(call, [call.argument]), () =>
        finish(call, call.argument, call.chunks, false),
      );
      return withoutTag(metadata);
    },
  },
  'files/upload_session/finish_batch_v2': {
    style: 'rpc',
    scope,
    run: async (call) => {
      const entries = list(call.argument, 'entries', 1000);
      return { entries: await writing(call, namespacesOf(call, entries), () => finishAll(call, entries)) };
    },
  },
  'files/upload_session/finish_batch': {
    style: 'rpc',
    scope,
    run: (call) => {
      const entries = list(call.argument, 'entries', 1000);
      const work = writing(call, namespacesOf(call, entries), () => finishAll(call, entries));
      const refused = () =>
        entries.map(() => ({ '.tag': 'failure', failure: union('too_many_write_operations') }) as Fields);
      return call.service.jobs.launch(
        work.catch(refused).then((results) => ({ '.tag': 'complete', entries: results })),
      );
    },
  },
  'files/upload_session/finish_batch/check': {
    style: 'rpc',
    scope,
    run: (call) => call.service.jobs.check(text(call.argument, 'async_job_id')),
  },
};
