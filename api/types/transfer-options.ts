import { AppError } from '../../core/errors.ts';
import { manifestFacts } from '../../queue/manifest.ts';
import {
  type GivenTransferOptions,
  maxConcurrency,
  type TransferOptions as Options,
} from '../../queue/transfer-options.ts';
import { builder } from '../builder.ts';
import { viewerOf } from '../context.ts';
import { idOfType } from '../global-id.ts';
import { PathManifest } from './path-manifest.ts';

export const TransferMode = builder.enumType('TransferMode', {
  description: 'What a transfer does with its objects.',
  values: {
    COPY: { description: 'Copies them.' },
    MOVE: {
      description:
        'Copies them, and removes each at the source once its copy is verified by hashes of both sides and that is on record. What cannot be verified is kept. Where folders are no objects (Dropbox, real directories of Azure), those in which objects were stay. No source may lie within another one.',
    },
    SYNC: {
      description:
        'Makes the destination a mirror of the source: replaces what differs, and deletes what the source does not have once everything was listed without an error. Where folders are no objects (Dropbox, real directories of Azure), extra ones stay, emptied.',
    },
    VERIFY: { description: 'Compares both sides and changes nothing. What differs is a failed object.' },
  } as const,
});

const ConflictPolicy = builder.enumType('ConflictPolicy', {
  description:
    'What is done where an object is at the destination already. One that comes there after it was listed is judged in the same way, except in an approved plan and by KEEP_BOTH: the object fails with DESTINATION_CHANGED then.',
  values: {
    OVERWRITE: { description: 'It is replaced.' },
    SKIP: { description: 'It stays as it is.' },
    OVERWRITE_IF_NEWER: {
      description: 'It is replaced if the source is newer, by the times that both listings give, or if one gives none.',
    },
    OVERWRITE_IF_DIFFERENT: {
      description:
        'It is replaced if size or hash differ, or if they are of one size and the clouds have no hash in common.',
    },
    KEEP_BOTH: { description: 'It stays, and the new one arrives beside it as `name (2).txt`.' },
    FAIL: { description: 'The new one fails with DESTINATION_EXISTS.' },
  } as const,
});

const NameRule = builder.enumType('NameRule', {
  description:
    'What is done about names that the destination cannot hold, and about those rewritten for one that could not.',
  values: {
    REFUSE: { description: 'The object fails with NAME_NOT_ALLOWED.' },
    ENCODE: {
      description:
        'What the destination cannot hold is written as percent signs and hexadecimal bytes of UTF-8, as in `a%3Ab`. Names that look so already are encoded too, so that each can be decoded. What cannot be held even so fails. The destination itself is not renamed, only what is below it.',
    },
    DECODE: {
      description:
        'What ENCODE has written is turned back, so that `a%3Ab` arrives as `a:b`, whoever wrote it. Each name between two slashes is looked at by itself, and stays as it is where ENCODE would not have written it so: `100%25` does, because ENCODE leaves `100%` alone, and so do `a%20b` and `%C3%A9`. What the destination cannot hold then fails with NAME_NOT_ALLOWED, and a second object of one name with NAME_COLLISION. The destination itself is not renamed, only what is below it.',
    },
  } as const,
});

const VerificationLevel = builder.enumType('VerificationLevel', {
  description: 'How it is made sure that what arrived is what was sent.',
  values: {
    STANDARD: { description: 'By the strongest hashes that both clouds offer.' },
    REREAD: { description: 'The destination is read back besides, which costs its traffic.' },
  } as const,
});

export const TransferRoute = builder.enumType('TransferRoute', {
  description: 'How an object gets from one account to the other.',
  values: {
    RELAY: { description: 'Its bytes pass through a worker.' },
    SERVER_SIDE_COPY: { description: 'The cloud of both accounts copies it by itself.' },
    INGEST_FROM_URL: { description: "The destination's cloud fetches it from where it is by itself." },
  } as const,
});

const TransferFilterInput = builder.inputType('TransferFilterInput', {
  description:
    'Which objects a transfer is about. What is left out is neither moved nor deleted. Of what only the destination has, its size and its time there count.',
  fields: (t) => ({
    include: t.stringList({
      description:
        'Up to 100 globs of at most 256 characters, held against the path below the source path: `*` and `?` within a name, `**` across folders, `folder/` for all that it holds, `[a-z]`, `{a,b}`, whose braces unfold to at most 100 globs each, and to 200 globs of 10,000 characters in all. Absent or empty: everything.',
    }),
    exclude: t.stringList({ description: 'The same, for what is left out.' }),
    minSize: t.field({ type: 'ByteSize', description: 'Smallest size. Absent: none.' }),
    maxSize: t.field({ type: 'ByteSize', description: 'Largest size. Absent: none.' }),
    modifiedAfter: t.field({
      type: 'DateTime',
      description: 'Modified then or later, by the time that the listing gives. Absent: whenever.',
    }),
    modifiedBefore: t.field({ type: 'DateTime', description: 'Modified earlier. Absent: whenever.' }),
    olderThan: t.field({
      type: 'Duration',
      description:
        'Modified longer ago than this before the transfer began; of a schedule, before each run began. At most 100 years. Absent: whenever.',
    }),
    newerThan: t.field({ type: 'Duration', description: 'The same: modified less long ago, or just so.' }),
    manifest: t.id({
      description:
        'Id of a manifest, as its upload answered: only the paths that it names, exactly. One that is not found at the source is a failed object. Absent: all.',
    }),
  }),
});

const keptTime =
  'When the file was last modified: as its writer recorded it with the object, else when the object was written. Large objects that go to a cloud which cannot date what it fetches are relayed.';

const KeptMetadataInput = builder.inputType('KeptMetadataInput', {
  description: 'What travels with the bytes, as far as both clouds have it.',
  fields: (t) => ({
    contentType: t.boolean({
      defaultValue: true,
      description: 'Content type, encoding, language, disposition and cache control.',
    }),
    userMetadata: t.boolean({ defaultValue: true, description: 'Names and values that the writer chose.' }),
    modifiedAt: t.boolean({ defaultValue: true, description: keptTime }),
    tags: t.boolean({
      defaultValue: false,
      description:
        'Tags of the object. Reading them takes one request more for each object and a right that few accounts have, without which the object fails with PERMISSION_DENIED. Tags alone are never a reason to replace an object.',
    }),
    emptyFolders: t.boolean({ defaultValue: true, description: 'Folders without objects, and markers of folders.' }),
  }),
});

const DeletionLimitInput = builder.inputType('DeletionLimitInput', {
  description: 'How much a SYNC may delete without being asked.',
  fields: (t) => ({
    objects: t.int({ defaultValue: 1_000, description: 'Most objects, 0 or more.' }),
    share: t.float({ defaultValue: 0.5, description: 'Largest share of the objects at the destination, from 0 to 1.' }),
  }),
});

export const TransferOptionsInput = builder.inputType('TransferOptionsInput', {
  description: 'Choices about a transfer. What is absent is as the descriptions say.',
  fields: (t) => ({
    conflictPolicy: t.field({
      type: ConflictPolicy,
      description:
        'Absent: OVERWRITE, and OVERWRITE_IF_DIFFERENT for SYNC, which takes no SKIP, KEEP_BOTH and FAIL. VERIFY has none.',
    }),
    filter: t.field({ type: TransferFilterInput, description: 'Absent: all objects.' }),
    keep: t.field({ type: KeptMetadataInput, description: 'Absent: everything but tags.' }),
    names: t.field({ type: NameRule, description: 'Absent: REFUSE.' }),
    verification: t.field({ type: VerificationLevel, description: 'Absent: STANDARD.' }),
    maxTries: t.int({ description: 'Tries of one object in a row without progress, 1 to 20. Absent: 3.' }),
    concurrency: t.int({
      description: `Objects under way at a time, over all workers, 1 to ${maxConcurrency}. Absent: as many as the workers have room for.`,
    }),
    deletionLimit: t.field({ type: DeletionLimitInput, description: 'Of SYNC: more waits for `approveTransfer`.' }),
    routes: t.field({
      type: [TransferRoute],
      description:
        'The ways that may be taken; a relay always may. Where RELAY is among them, it goes before a fetch from a URL between clouds that state no hash in common, and for objects that state none of theirs: what is fetched then can be told by its size alone. Absent: all.',
    }),
  }),
});

type OptionsInput = typeof TransferOptionsInput.$inferInput;

/** Without what is null, which is as good as absent. Throws INVALID_INPUT for a size beyond what is counted exactly. */
export function givenOptions(input: OptionsInput | null | undefined): GivenTransferOptions {
  const { filter, ...others } = input ?? {};
  const { minSize, maxSize, olderThan, newerThan, manifest, ...otherFilters } = filter ?? {};
  return present({
    ...others,
    keep: others.keep && present(others.keep),
    deletionLimit: others.deletionLimit && present(others.deletionLimit),
    filter: present({
      ...otherFilters,
      minSizeBytes: toSafeNumber(minSize, 'minSize'),
      maxSizeBytes: toSafeNumber(maxSize, 'maxSize'),
      olderThanMs: olderThan,
      newerThanMs: newerThan,
      manifestId: manifest == null ? undefined : manifestIdOf(String(manifest)),
    }),
  }) as GivenTransferOptions;
}

function present(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

function toSafeNumber(size: bigint | null | undefined, field: string): number | undefined {
  if (size == null) return undefined;
  if (size <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(size);
  throw new AppError('INVALID_INPUT', 'There are no objects of this size.', {
    field: ['options', 'filter', field],
  });
}

function manifestIdOf(globalId: string): string {
  const id = idOfType('PathManifest', globalId);
  if (id !== null) return id;
  throw new AppError('NOT_FOUND', 'There is no such manifest.', { field: ['options', 'filter', 'manifest'] });
}

const TransferFilter = builder.objectRef<Options['filter']>('TransferFilter').implement({
  description: 'Which objects a transfer is about.',
  fields: (t) => ({
    include: t.exposeStringList('include', { description: 'Globs of what is taken. Empty: everything.' }),
    exclude: t.exposeStringList('exclude', { description: 'Globs of what is left out.' }),
    minSize: t.field({
      type: 'ByteSize',
      nullable: true,
      description: 'Smallest size. null: none.',
      resolve: ({ minSizeBytes }) => (minSizeBytes === null ? null : BigInt(minSizeBytes)),
    }),
    maxSize: t.field({
      type: 'ByteSize',
      nullable: true,
      description: 'Largest size. null: none.',
      resolve: ({ maxSizeBytes }) => (maxSizeBytes === null ? null : BigInt(maxSizeBytes)),
    }),
    modifiedAfter: t.expose('modifiedAfter', {
      type: 'DateTime',
      nullable: true,
      description: 'Modified then or later. null: whenever.',
    }),
    modifiedBefore: t.expose('modifiedBefore', {
      type: 'DateTime',
      nullable: true,
      description: 'Modified earlier. null: whenever.',
    }),
    olderThan: t.field({
      type: 'Duration',
      nullable: true,
      description: 'Modified longer ago than this before the start. null: whenever.',
      resolve: ({ olderThanMs }) => olderThanMs,
    }),
    newerThan: t.field({
      type: 'Duration',
      nullable: true,
      description: 'Modified less long ago, or just so. null: whenever.',
      resolve: ({ newerThanMs }) => newerThanMs,
    }),
    manifest: t.field({
      type: PathManifest,
      nullable: true,
      description: 'Only the paths of this manifest. null: all, or it was dropped after its last use.',
      resolve: ({ manifestId }, _args, context) =>
        manifestId === null
          ? null
          : context.services.db.pathManifest.findFirst({
              ...manifestFacts,
              where: { id: manifestId, userId: viewerOf(context).id },
            }),
    }),
  }),
});

const KeptMetadata = builder.objectRef<Options['keep']>('KeptMetadata').implement({
  description: 'What travels with the bytes, as far as both clouds have it.',
  fields: (t) => ({
    contentType: t.exposeBoolean('contentType', {
      description: 'Content type, encoding, language, disposition and cache control.',
    }),
    userMetadata: t.exposeBoolean('userMetadata', { description: 'Names and values that the writer chose.' }),
    modifiedAt: t.exposeBoolean('modifiedAt', { description: keptTime }),
    tags: t.exposeBoolean('tags', { description: 'Tags of the object.' }),
    emptyFolders: t.exposeBoolean('emptyFolders', { description: 'Folders without objects, and markers of folders.' }),
  }),
});

const DeletionLimit = builder.objectRef<Options['deletionLimit']>('DeletionLimit').implement({
  description: 'How much a SYNC may delete without being asked.',
  fields: (t) => ({
    objects: t.exposeInt('objects', { description: 'Most objects, 0 or more.' }),
    share: t.exposeFloat('share', { description: 'Largest share of the objects at the destination, from 0 to 1.' }),
  }),
});

export const TransferOptions = builder.objectRef<Options>('TransferOptions').implement({
  description: 'Choices about a transfer, with what holds where none was made.',
  fields: (t) => ({
    conflictPolicy: t.expose('conflictPolicy', {
      type: ConflictPolicy,
      description: 'What is done where an object is at the destination already.',
    }),
    filter: t.expose('filter', { type: TransferFilter, description: 'Which objects it is about.' }),
    keep: t.expose('keep', { type: KeptMetadata, description: 'What travels with the bytes.' }),
    names: t.expose('names', {
      type: NameRule,
      description: 'What is done about names that the destination cannot hold.',
    }),
    verification: t.expose('verification', { type: VerificationLevel, description: 'How arrival is made sure of.' }),
    maxTries: t.exposeInt('maxTries', { description: 'Tries of one object in a row without progress.' }),
    concurrency: t.exposeInt('concurrency', {
      nullable: true,
      description: 'Most objects under way at a time, over all workers. null: as many as the workers have room for.',
    }),
    deletionLimit: t.expose('deletionLimit', {
      type: DeletionLimit,
      description: 'How much a SYNC deletes without being asked.',
    }),
    routes: t.expose('routes', {
      type: [TransferRoute],
      description: 'The ways that may be taken; a relay always may.',
    }),
  }),
});
