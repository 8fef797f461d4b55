import type { Capabilities } from '../../storage/capabilities.ts';
import type { DigestAlgorithm } from '../../storage/digest-algorithm.ts';
import { builder } from '../builder.ts';

const ListingOrder = builder.enumType('ListingOrder', {
  description: 'The order in which a cloud lists.',
  values: {
    BYTES: { value: 'bytes', description: 'Ascending by the UTF-8 bytes of the name.' },
    NONE: { value: 'none', description: 'None that may be relied on.' },
  } as const,
});

const hashes = {
  crc32c: { name: 'CRC32C', description: 'CRC-32C (Castagnoli).' },
  crc32: { name: 'CRC32', description: 'CRC-32 (ISO 3309).' },
  crc64nvme: { name: 'CRC64NVME', description: 'CRC-64 of NVM Express.' },
  md5: { name: 'MD5', description: 'MD5 (RFC 1321).' },
  sha256: { name: 'SHA256', description: 'SHA-256 (FIPS 180-4).' },
  dropbox: { name: 'DROPBOX', description: "Dropbox's content hash: SHA-256 over the SHA-256 of each 4 MiB." },
} as const satisfies Record<Exclude<DigestAlgorithm, 'dropbox-blocks'>, { name: string; description: string }>;

type Hash = (typeof hashes)[keyof typeof hashes]['name'];

const HashAlgorithm = builder.enumType('HashAlgorithm', {
  description: 'A hash over the content of an object.',
  values: Object.fromEntries(Object.values(hashes).map(({ name, description }) => [name, { description }])) as Record<
    Hash,
    { description: string }
  >,
});

export const CloudCapabilities = builder.objectRef<Capabilities>('CloudCapabilities').implement({
  description: 'What a store can do and what it keeps, as it was found when the account was last checked.',
  fields: (t) => ({
    canCopyInside: t.boolean({
      description: 'Whether it copies objects by itself, so that bytes between two accounts there need no worker.',
      resolve: ({ copy }) => copy !== null,
    }),
    canIngestFromUrl: t.boolean({
      description: 'Whether it fetches objects from a URL by itself.',
      resolve: ({ ingest }) => ingest !== null,
    }),
    canPresign: t.boolean({
      description: 'Whether it gives out short-lived URLs by which others read one object.',
      resolve: ({ presign }) => presign !== null,
    }),
    caseSensitive: t.exposeBoolean('caseSensitive', {
      description: 'Whether `a` and `A` are two names. Where they are one, such objects of a source collide.',
    }),
    keepsUserMetadata: t.boolean({
      description: 'Whether names and values that the writer chose stay with an object.',
      resolve: ({ write }) => write.userMetadata,
    }),
    keepsContentHeaders: t.boolean({
      description: 'Whether content type, encoding, language, disposition and cache control stay with an object.',
      resolve: ({ write }) => write.contentHeaders,
    }),
    keepsTags: t.boolean({
      description: 'Whether objects have tags, apart from what the writer chose besides.',
      resolve: ({ tags }) => tags !== null,
    }),
    modificationTimePrecisionMs: t.int({
      nullable: true,
      description: 'How exactly the modification time of the source is kept, in milliseconds. null: not at all.',
      resolve: ({ write }) => write.modifiedAtPrecisionMs,
    }),
    maxObjectBytes: t.field({
      type: 'ByteSize',
      description: 'Largest object.',
      resolve: ({ write }) => BigInt(write.objectMaxBytes),
    }),
    maxPartBytes: t.field({
      type: 'ByteSize',
      description: 'Largest part of an upload in parts.',
      resolve: ({ write }) => BigInt(write.partMaxBytes),
    }),
    hashes: t.field({
      type: [HashAlgorithm],
      description: 'Hashes of whole objects that it may state, strongest first.',
      resolve: ({ read }) =>
        read.digests.flatMap((digest) => (digest === 'dropbox-blocks' ? [] : [hashes[digest].name])),
    }),
    conditionalWrites: t.boolean({
      description: 'Whether it refuses by itself to overwrite what appeared or changed meanwhile.',
      resolve: ({ write }) => write.conditional && write.conditionalUpload,
    }),
    conditionalSingleWrites: t.boolean({
      description: 'The same for objects that are written in one request, not in parts.',
      resolve: ({ write }) => write.conditional,
    }),
    listingOrder: t.field({
      type: ListingOrder,
      description: 'The order in which it lists.',
      resolve: ({ listing }) => listing.order,
    }),
  }),
});
