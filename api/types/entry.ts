import { createHash } from 'node:crypto';
import type { CloudAccount } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { parsePath } from '../../queue/path.ts';
import type { Page, StorageProvider } from '../../storage/provider.ts';
import { builder } from '../builder.ts';
import { decodeCursor, encodeCursor, invalidCursor, pageSize } from '../connection.ts';

export interface EntryShape {
  path: string;
  name: string;
  kind: 'CONTAINER' | 'FOLDER' | 'FILE';
  size: bigint | null;
  modifiedAt: Date | null;
  storageClass: string | null;
}

const maxCursorLength = 8_192;

const EntryKind = builder.enumType('EntryKind', {
  description: 'What an entry is.',
  values: {
    CONTAINER: { description: 'A bucket (S3) or container (Azure).' },
    FOLDER: { description: 'A common prefix of keys, ending in a slash.' },
    FILE: { description: 'An object.' },
  } as const,
});

const Entry = builder.objectRef<EntryShape>('Entry').implement({
  description: 'Something that lies in a cloud account, as the cloud lists it now.',
  fields: (t) => ({
    path: t.exposeString('path', {
      description:
        'Where it lies: "bucket/", "bucket/folder/" or "bucket/key". Fit for `entries(path:)` and `createTransfer`.',
    }),
    name: t.exposeString('name', { description: 'Last part of the path, without a closing slash.' }),
    kind: t.expose('kind', { type: EntryKind, description: 'What it is.' }),
    size: t.expose('size', { type: 'ByteSize', nullable: true, description: 'Size of a file. null: not a file.' }),
    modifiedAt: t.expose('modifiedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a file was last written, or a container made. null: a folder, or the cloud does not say.',
    }),
    storageClass: t.exposeString('storageClass', {
      nullable: true,
      description: "The cloud's name for the tier that a file lies in. null: not a file, or the cloud does not say.",
    }),
  }),
});

export const EntryConnection = builder.connectionObject(
  { type: Entry, name: 'EntryConnection', description: "A page of a folder's entries." },
  { name: 'EntryEdge', description: 'An entry with its cursor.' },
);

/** Where a page of ours begins: some entries into a page of the cloud's. */
interface Position {
  /** The cloud's cursor of that page; null: the first one. */
  cursor: string | null;
  skip: number;
}

/**
 * One page of one level of the tree, read live. Cursors of the cloud exist between its pages only, so ours name a page
 * of the cloud and a number of entries to pass over. Throws INVALID_INPUT and what the cloud says.
 */
export async function browse(
  provider: StorageProvider,
  account: CloudAccount,
  args: { path: string; first?: number | null | undefined; after?: string | null | undefined },
  signal: AbortSignal,
) {
  const { size } = pageSize(args);
  const level = readLevel(args.path);
  const scope = createHash('sha256').update(`${account.id}\n${args.path}`).digest('base64url').slice(0, 11);
  let position = args.after == null ? { cursor: null, skip: 0 } : readPosition(args.after, scope);
  const edges: { cursor: string; node: EntryShape }[] = [];
  // A cloud may answer pages without anything in them; the caller's time limit ends a search that finds nothing.
  for (;;) {
    const limit = Math.min(size - edges.length + position.skip, provider.capabilities.listing.maxPageSize);
    const page = await readPage(provider, level, { cursor: position.cursor ?? undefined, limit }, signal);
    const wanted = page.items.slice(position.skip, position.skip + size - edges.length);
    for (const [index, node] of wanted.entries()) {
      const read = position.skip + index + 1;
      const next =
        read === page.items.length && page.nextCursor !== null
          ? { cursor: page.nextCursor, skip: 0 }
          : { cursor: position.cursor, skip: read };
      edges.push({ cursor: encodeCursor(JSON.stringify([scope, next.cursor, next.skip])), node });
    }
    const more = page.items.length > position.skip + wanted.length || page.nextCursor !== null;
    if (edges.length === size || page.nextCursor === null) {
      return {
        edges,
        pageInfo: {
          hasNextPage: more,
          hasPreviousPage: args.after != null,
          startCursor: edges[0]?.cursor ?? null,
          endCursor: edges.at(-1)?.cursor ?? null,
        },
      };
    }
    position = { cursor: page.nextCursor, skip: 0 };
  }
}

type Level = { container: string; prefix: string } | null;

/** null: the containers. */
function readLevel(path: string): Level {
  if (path === '') return null;
  const parsed = parsePath(path, ['path']);
  if (parsed.kind === 'object') {
    throw new AppError('INVALID_INPUT', `'${path}' is not a folder: end it with a slash, or leave it empty.`, {
      field: ['path'],
    });
  }
  return { container: parsed.container, prefix: parsed.key };
}

function readPosition(after: string, scope: string): Position {
  if (after.length > maxCursorLength) throw invalidCursor('after');
  let value: unknown;
  try {
    value = JSON.parse(decodeCursor(after));
  } catch {
    throw invalidCursor('after');
  }
  const [givenScope, cursor, skip] = Array.isArray(value) ? value : [];
  const valid =
    givenScope === scope &&
    (cursor === null || typeof cursor === 'string') &&
    Number.isInteger(skip) &&
    skip >= 0 &&
    skip <= 100;
  if (!valid) throw invalidCursor('after');
  return { cursor, skip };
}

async function readPage(
  provider: StorageProvider,
  level: Level,
  request: { cursor: string | undefined; limit: number },
  signal: AbortSignal,
): Promise<Page<EntryShape>> {
  if (level === null) {
    const page = await provider.listContainers(request, signal);
    return { items: page.items.map(containerEntry), nextCursor: page.nextCursor };
  }
  const page = await provider.list({ ...level, delimiter: '/', ...request }, signal);
  return { items: page.items.map((entry) => levelEntry(level, entry)), nextCursor: page.nextCursor };
}

function containerEntry({ name, createdAt }: { name: string; createdAt: Date | null }): EntryShape {
  return { path: `${name}/`, name, kind: 'CONTAINER', size: null, modifiedAt: createdAt, storageClass: null };
}

function levelEntry(
  level: NonNullable<Level>,
  entry: Page<import('../../storage/provider.ts').Entry>['items'][number],
): EntryShape {
  const isFile = entry.kind === 'file';
  const relative = entry.key.slice(level.prefix.length);
  return {
    path: `${level.container}/${entry.key}`,
    name: isFile ? relative : relative.slice(0, -1),
    kind: isFile ? 'FILE' : 'FOLDER',
    size: isFile ? BigInt(entry.sizeBytes) : null,
    modifiedAt: entry.modifiedAt,
    storageClass: entry.storageClass,
  };
}
