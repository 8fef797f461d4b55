import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Blob } from './blob.ts';
import { RouteError, rateLimit, union } from './errors.ts';
import type { FaultAction } from './faults.ts';
import type { Grants } from './grants.ts';
import type { Jobs } from './jobs.ts';
import type { Sessions } from './sessions.ts';
import type { FileNode, FolderNode, Forest, Namespace } from './tree.ts';

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly home: Namespace;
  /** That of the team space, or `home`. */
  readonly root: Namespace;
  readonly teamName: string | undefined;
  readonly scopes: readonly string[];
  readonly allocatedBytes: number;
}

/** Everything that requests share. */
export interface Service {
  readonly origin: () => string;
  readonly forest: Forest;
  readonly sessions: Sessions;
  readonly grants: Grants;
  readonly jobs: Jobs;
  readonly accounts: ReadonlyMap<string, Account>;
  /** By reference: what copy_reference/get handed out. */
  readonly copyReferences: Map<string, { nodeId: string; root: Namespace }>;
  /** By token: what get_temporary_link handed out. */
  readonly links: Map<string, { blob: Blob; expiresAt: number }>;
  readonly now: () => number;
  /** Whether two writes to one namespace at the same time are refused, and how long one takes. */
  readonly commitLock: boolean;
  readonly commitMs: number;
}

/** One authenticated request on its way to its answer. */
export interface Call {
  readonly service: Service;
  readonly account: Account;
  readonly token: string;
  /** What paths are relative to: Dropbox-API-Path-Root. */
  readonly root: Namespace;
  readonly argument: Record<string, unknown>;
  /** Body of an upload. */
  readonly chunks: readonly Buffer[];
  readonly request: IncomingMessage;
  readonly fault: FaultAction | undefined;
}

/** A file as the answer of a download. */
export interface Download {
  readonly metadata: Record<string, unknown>;
  readonly blob: Blob;
}

export interface Route {
  /** https://www.dropbox.com/developers/documentation/http/documentation#formats */
  readonly style: 'rpc' | 'upload' | 'download';
  readonly scope?: string;
  run(call: Call): unknown;
}

/** How a write meets another one to the same namespace: `refuse` answers 429, `wait` is for the server's own jobs. */
export type Meeting = 'refuse' | 'wait';

/**
 * Runs one write to a namespace. "Namespace lock contention": writes to one namespace are taken one after another, and
 * one that meets another is refused. https://developers.dropbox.com/dbx-performance-guide
 * @throws ApiError 429 too_many_write_operations
 */
export async function writing<T>(
  { service }: Call,
  namespaces: readonly Namespace[],
  run: () => T,
  meeting: Meeting = 'refuse',
): Promise<T> {
  if (!service.commitLock) return run();
  const distinct = [...new Set(namespaces)];
  while (distinct.some(({ locked }) => locked)) {
    if (meeting === 'refuse') throw rateLimit('too_many_write_operations', 1);
    await delay(1);
  }
  for (const namespace of distinct) namespace.locked = true;
  try {
    await delay(service.commitMs);
    return run();
  } finally {
    for (const namespace of distinct) namespace.locked = false;
  }
}

/** @throws RouteError insufficient_space */
export function requireSpace({ service, account }: Call, more: number): void {
  // Counting one account goes through all of its files: not needed while all accounts together fit.
  if (service.forest.totalBytes + more <= account.allocatedBytes) return;
  if (usedBytes(account) + more > account.allocatedBytes) throw new RouteError(union('insufficient_space'));
}

/** Bounds the memory that unfinished uploads take to as much as the account has. @throws RouteError other */
export function requireSessionSpace({ service, account }: Call, more: number): void {
  if (service.sessions.heldBytes + more > account.allocatedBytes) throw new RouteError(union('other'));
}

export function usedBytes({ root, home }: Account): number {
  const seen = new Set<Namespace>();
  const sum = (folder: FolderNode): number => {
    let total = 0;
    if (folder.mount !== undefined) return enter(folder.mount);
    for (const child of folder.children.values()) total += child.kind === 'file' ? child.blob.size : sum(child);
    return total;
  };
  const enter = (namespace: Namespace): number => {
    if (seen.has(namespace)) return 0;
    seen.add(namespace);
    return sum(namespace.root);
  };
  return enter(root) + enter(home);
}

/** Metadata of an entry as every endpoint states it. */
export function metadataOf(call: Call, node: FileNode | FolderNode): Record<string, unknown> {
  const path = call.service.forest.pathOf(call.root, node) ?? '';
  const common = { name: node.name, path_lower: path.toLowerCase(), path_display: path, id: node.id };
  if (node.kind === 'folder') {
    const sharing = node.mount && { shared_folder_id: node.mount.id, read_only: false };
    return { '.tag': 'folder', ...common, ...(sharing === undefined ? {} : { sharing_info: sharing }) };
  }
  return {
    '.tag': 'file',
    ...common,
    client_modified: node.clientModified,
    server_modified: node.serverModified,
    rev: node.rev,
    size: node.blob.size,
    is_downloadable: node.exportOnly === undefined,
    ...(node.exportOnly === undefined
      ? { content_hash: hashAsStated(call, node.blob) }
      : { export_info: { export_as: node.exportOnly[0], export_options: node.exportOnly } }),
  };
}

function hashAsStated({ fault }: Call, { contentHash }: Blob): string {
  return fault?.kind === 'wrongHash' ? contentHash.replace(/./g, (digit) => (digit === '0' ? '1' : '0')) : contentHash;
}
