import { z } from 'zod';
import { isPlainLine } from '../core/text.ts';

/** Printable ASCII, as HTTP headers hold; blanks around it come from pasting. */
const headerSafe = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks');

/** An address is kept and shown as it was given; URL parsers pass over control characters. */
const endpoint = z
  .url({ protocol: /^https?$/ })
  .refine(isPlainLine, { message: 'The endpoint holds a control character.' });

const s3 = z.object({
  provider: z.literal('s3'),
  /** Endpoint of a compatible store; absent: AWS S3 in `region`. */
  endpoint: endpoint.optional(),
  region: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be a region such as eu-central-1')
    .default('us-east-1'),
  /** `path`: https://host/bucket/key, as most compatible stores want; `virtual`: https://bucket.host/key. */
  addressing: z.enum(['path', 'virtual']).default('virtual'),
  accessKeyId: headerSafe(256),
  secretAccessKey: z.string().trim().min(1).max(1024),
  sessionToken: headerSafe(8192).optional(),
});

const azure = z.object({
  provider: z.literal('azure'),
  /** Name of the storage account. */
  accountName: z
    .string()
    .trim()
    .regex(/^[a-z0-9]{3,24}$/, 'must be 3 to 24 lower-case letters and digits'),
  /** Shared key, base64. Exactly one of accountKey and sasToken is given. */
  accountKey: z.string().trim().pipe(z.base64().min(1)).optional(),
  /** Account or service SAS, with or without the leading `?`. */
  sasToken: headerSafe(4096)
    .regex(/^\??[^?#]+$/, 'must be the part of a SAS URL that follows the ?')
    .optional(),
  /** Blob endpoint; absent: https://<accountName>.blob.core.windows.net. */
  endpoint: endpoint.optional(),
});

const gcs = z.object({
  provider: z.literal('gcs'),
  /** Root of the JSON and XML APIs; absent: https://storage.googleapis.com. */
  endpoint: endpoint.optional(),
  /** Project whose buckets are listed; absent: that of the service account, or the buckets are named by hand. */
  projectId: headerSafe(64).optional(),
  /** Exactly one of these three. The JSON key of a service account, as the console hands it out. */
  serviceAccountKey: z.string().trim().min(2).max(16_384).optional(),
  /** Grant of a person, from the OAuth flow of the operator's app. */
  refreshToken: headerSafe(2048).optional(),
  /** The identity of the machine that Skyferry runs on, where the operator allows it. */
  useMachineIdentity: z.literal(true).optional(),
});

const dropbox = z.object({
  provider: z.literal('dropbox'),
  /** Root of all of Dropbox's hosts, for a local server; absent: those of Dropbox itself. */
  endpoint: endpoint.optional(),
  /** Grant of a person, from the OAuth flow (PKCE) of the app `appKey`. */
  refreshToken: headerSafe(2048),
  /** Key of the app that the grant is for. No secret. */
  appKey: headerSafe(64),
});

/** What opens an account at a cloud. Sealed at rest; never logged, never answered. */
export const credentialsSchema = z.discriminatedUnion('provider', [
  s3,
  azure.refine((value) => (value.accountKey === undefined) !== (value.sasToken === undefined), {
    message: 'Give either an account key or a SAS token.',
    path: ['accountKey'],
  }),
  gcs.refine(
    ({ serviceAccountKey, refreshToken, useMachineIdentity }) =>
      [serviceAccountKey, refreshToken, useMachineIdentity].filter((one) => one !== undefined).length === 1,
    {
      message: 'Give exactly one of a service account key, a grant and the machine identity.',
      path: ['serviceAccountKey'],
    },
  ),
  dropbox,
]);

export type Credentials = z.infer<typeof credentialsSchema>;
export type CredentialsOf<Provider extends Credentials['provider']> = Extract<Credentials, { provider: Provider }>;
