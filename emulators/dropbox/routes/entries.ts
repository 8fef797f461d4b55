import { randomBytes } from 'node:crypto';
import { flag, list, text } from '../arguments.ts';
import { RouteError, union, within } from '../errors.ts';
import { type Call, type Download, metadataOf, type Route, requireSpace, writing } from '../service.ts';
import type { FileNode, Node } from '../tree.ts';

const LINK_LIFE_MS = 4 * 60 * 60 * 1000;

function find(call: Call, tag: string, field = 'path'): Node {
  return within(tag, () => call.service.forest.find(call.root, text(call.argument, field)));
}

function findFile(call: Call): FileNode {
  const node = find(call, 'path');
  if (node.kind !== 'file') throw new RouteError(union('path', union('not_file')));
  // "This file type cannot be downloaded directly; use export() instead."
  if (node.exportOnly !== undefined) throw new RouteError(union('unsupported_file'));
  return node;
}

function remove(call: Call, fields: Record<string, unknown>): Record<string, unknown> {
  const { forest } = call.service;
  const node = within('path_lookup', () => forest.find(call.root, text(fields, 'path')));
  const metadata = metadataOf(call, node);
  within('path_write', () => forest.remove(node, fields.parent_rev as string | undefined));
  return { metadata };
}

async function relocate(call: Call, how: 'move' | 'copy'): Promise<Record<string, unknown>> {
  const { forest } = call.service;
  const node = find(call, 'from_lookup', 'from_path');
  const to = text(call.argument, 'to_path');
  const autorename = flag(call.argument, 'autorename');
  const target = within('to', () => forest.namespaceOf(call.root, to));
  const source = node.kind === 'file' ? node.parent.namespace : node.namespace;
  const result = await writing(call, how === 'move' ? [target, source] : [target], () => {
    if (how === 'copy' && node.kind === 'file') within('to', () => requireSpace(call, node.blob.size));
    return within('to', () => forest[how](call.root, node, to, autorename));
  });
  return { metadata: metadataOf(call, result) };
}

/** https://www.dropbox.com/developers/documentation/http/documentation#files-get_metadata and the pages after it. */
export const entryRoutes: Record<string, Route> = {
  'files/get_metadata': {
    style: 'rpc',
    scope: 'files.metadata.read',
    run: (call) => {
      if (call.argument.path === '') {
        throw new RouteError(union('path', union('malformed_path')));
      }
      return metadataOf(call, find(call, 'path'));
    },
  },
  'files/download': {
    style: 'download',
    scope: 'files.content.read',
    run: (call): Download => {
      const node = findFile(call);
      const { '.tag': _tag, ...metadata } = metadataOf(call, node);
      return { metadata, blob: node.blob };
    },
  },
  'files/get_temporary_link': {
    style: 'rpc',
    scope: 'files.content.read',
    run: (call) => {
      const node = findFile(call);
      const token = randomBytes(24).toString('base64url');
      const { links, now, origin } = call.service;
      links.set(token, { blob: node.blob, expiresAt: now() + LINK_LIFE_MS });
      const { '.tag': _tag, ...metadata } = metadataOf(call, node);
      return { metadata, link: `${origin()}/links/${token}` };
    },
  },
  'files/create_folder_v2': {
    style: 'rpc',
    scope: 'files.content.write',
    run: async (call) => {
      const { forest } = call.service;
      const path = text(call.argument, 'path');
      const namespace = within('path', () => forest.namespaceOf(call.root, path));
      const folder = await writing(call, [namespace], () =>
        within('path', () => forest.createFolder(call.root, path, flag(call.argument, 'autorename'))),
      );
      const { '.tag': _tag, ...metadata } = metadataOf(call, folder);
      return { metadata };
    },
  },
  'files/delete_v2': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => {
      const namespace = within('path_lookup', () =>
        call.service.forest.namespaceOf(call.root, text(call.argument, 'path')),
      );
      return writing(call, [namespace], () => remove(call, call.argument));
    },
  },
  'files/delete_batch': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => {
      const entries = list(call.argument, 'entries', 1000);
      const namespaces = entries.flatMap((entry) => {
        try {
          return [call.service.forest.namespaceOf(call.root, text(entry, 'path'))];
        } catch {
          return [];
        }
      });
      const removeOne = (entry: Record<string, unknown>) => {
        try {
          return { '.tag': 'success', ...remove(call, entry) };
        } catch (error) {
          if (error instanceof RouteError) return { '.tag': 'failure', failure: error.error };
          throw error;
        }
      };
      const work = writing(call, namespaces, () => ({ '.tag': 'complete', entries: entries.map(removeOne) }));
      return call.service.jobs.launch(
        work.catch(() => ({ '.tag': 'failed', failed: { '.tag': 'too_many_write_operations' } })),
      );
    },
  },
  'files/delete_batch/check': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => call.service.jobs.check(text(call.argument, 'async_job_id')),
  },
  'files/move_v2': { style: 'rpc', scope: 'files.content.write', run: (call) => relocate(call, 'move') },
  'files/copy_v2': { style: 'rpc', scope: 'files.content.write', run: (call) => relocate(call, 'copy') },
  'files/copy_reference/get': {
    style: 'rpc',
    scope: 'files.content.write',
    run: (call) => {
      const node = find(call, 'path');
      const reference = randomBytes(16).toString('base64url');
      call.service.copyReferences.set(reference, { nodeId: node.id, root: call.root });
      // "Copy references expire effectively never": the field is there for compatibility.
      return { metadata: metadataOf(call, node), copy_reference: reference, expires: '2099-01-01T00:00:00Z' };
    },
  },
  'files/copy_reference/save': {
    style: 'rpc',
    scope: 'files.content.write',
    run: async (call) => {
      const { forest, copyReferences } = call.service;
      const reference = copyReferences.get(text(call.argument, 'copy_reference'));
      if (reference === undefined) throw new RouteError(union('invalid_copy_reference'));
      const node = forest.findIfThere(reference.root, reference.nodeId);
      if (node === undefined) throw new RouteError(union('not_found'));
      const path = text(call.argument, 'path');
      const target = within('path', () => forest.namespaceOf(call.root, path));
      const saved = await writing(call, [target], () => {
        if (node.kind === 'file') within('path', () => requireSpace(call, node.blob.size));
        return within('path', () => forest.copy(call.root, node, path, false));
      });
      return { metadata: metadataOf(call, saved) };
    },
  },
};
