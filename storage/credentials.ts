import { z } from 'zod';
import { toAppError } from '../core/errors.ts';
import { isPlainLine } from '../core/text.ts';
import { parseAzureConnectionString } from './azure-connection-string.ts';

/*
 * Messages without a full stop go on a sentence that begins with the name of the field; those with one stand alone.
 */

/** Printable ASCII, as HTTP headers hold; blanks around it come from pasting. */
const headerSafe = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks');

/** A secret in one line: a break within comes from pasting, and the cloud would only say that the secret is wrong. */
const secretLine = z
  .string()
  .trim()
  .min(1)
  .max(1024)
  .refine(isPlainLine, { message: 'must be one line without control characters: paste it anew' });

/** An address is kept and shown as it was given; URL parsers pass over control characters. */
const endpoint = z
  .url({ protocol: /^https?$/, error: 'must be an address such as https://host:port' })
  .max(2048)
  .refine(isPlainLine, { message: 'must not hold control characters' });

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const s3 = z.object({
  provider: z.literal('s3'),
  /** Endpoint of a compatible store; absent: AWS S3 in `region`. */
  endpoint: endpoint.optional(),
  region: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be the name of a region, such as eu-central-1')
    .default('us-east-1'),
  /** `path`: https://host/bucket/key, as most compatible stores want; `virtual`: https://bucket.host/key. */
  addressing: z.enum(['path', 'virtual']).default('virtual'),
  /** Exactly one of an access key, with its secret, and the machine's identity. */
  accessKeyId: headerSafe(256).optional(),
  secretAccessKey: secretLine.optional(),
  sessionToken: headerSafe(8192).optional(),
  /** The identity of the machine that Skyferry runs on (instance role, web identity), where the operator allows it. */
  useMachineIdentity: z.literal(true).optional(),
  /** Class of the objects that are written; absent: STANDARD. */
  storageClass: z
    .string()
    .trim()
    .regex(/^[A-Z][A-Z0-9_]{1,63}$/, 'must be a storage class such as STANDARD_IA')
    .optional(),
  /** Encryption of the objects that are written: SSE-S3 or SSE-KMS; absent: as the bucket is set. */
  serverSideEncryption: z.enum(['AES256', 'aws:kms']).optional(),
  /** Id, ARN or alias of the key for SSE-KMS; absent: the account's default one. */
  kmsKeyId: headerSafe(2048).optional(),
  /** Whether this account pays for requests to buckets whose requester pays. */
  requesterPays: z.boolean().optional(),
});

/** Tells which fields do not go together. */
function checkS3(value: z.infer<typeof s3>, refuse: (field: string, message: string) => void): void {
  const { accessKeyId, secretAccessKey, sessionToken, useMachineIdentity, kmsKeyId, serverSideEncryption } = value;
  const keyed = [accessKeyId, secretAccessKey, sessionToken].some((one) => one !== undefined);
  if (keyed === (useMachineIdentity === true)) {
    refuse('accessKeyId', 'Give exactly one of an access key and the machine identity.');
  } else if (keyed && accessKeyId === undefined) refuse('accessKeyId', 'The id of the access key is missing.');
  else if (keyed && secretAccessKey === undefined)
    refuse('secretAccessKey', 'The secret of the access key is missing.');
  if (kmsKeyId !== undefined && serverSideEncryption !== 'aws:kms') {
    refuse('kmsKeyId', 'A KMS key goes with encryption by a KMS key only.');
  }
}

const azure = z.object({
  provider: z.literal('azure'),
  /** Name of the storage account. */
  accountName: z
    .string()
    .trim()
    .regex(/^[a-z0-9]{3,24}$/, 'must be 3 to 24 lower-case letters and digits'),
  /** Exactly one of accountKey, sasToken and the three fields of a service principal. Shared key, base64. */
  accountKey: z
    .string()
    .trim()
    .pipe(z.base64('must be base64, as the Azure portal shows it').min(1).max(1024))
    .optional(),
  /** Account or service SAS, with or without the leading `?`. */
  sasToken: headerSafe(4096)
    .regex(/^\??[^?#]+$/, 'must be the part of a SAS URL that follows the ?')
    .refine(isPercentEncoded, {
      message: 'is cut off or was changed: a % in it is followed by no code. Copy the whole of it',
    })
    .optional(),
  /** Directory (tenant) of the service principal: its id or its domain. */
  tenantId: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/, 'must be the id of a directory, or a domain of it')
    .optional(),
  /** Application (client) id of the service principal. */
  clientId: headerSafe(128).optional(),
  clientSecret: secretLine.optional(),
  /** Where the service principal signs in; absent: Microsoft Entra of the cloud that the endpoint is in. */
  authority: endpoint.optional(),
  /** Blob endpoint; absent: https://<accountName>.blob.core.windows.net. */
  endpoint: endpoint.optional(),
});

const azureWays = 'Give exactly one of an account key, a SAS token, a connection string and a service principal.';

function checkAzure(value: z.infer<typeof azure>, refuse: (field: string, message: string) => void): void {
  const { accountKey, sasToken, tenantId, clientId, clientSecret } = value;
  const principal = { tenantId, clientId, clientSecret };
  const hasPrincipal = Object.values(principal).some((one) => one !== undefined);
  const ways = [accountKey !== undefined, sasToken !== undefined, hasPrincipal].filter(Boolean).length;
  if (ways !== 1) refuse('accountKey', azureWays);
  for (const [field, part] of Object.entries(hasPrincipal ? principal : {})) {
    if (part === undefined) refuse(field, 'A service principal is a tenant id, a client id and a client secret.');
  }
}

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

/** Puts what an Azure connection string holds in its place: account name, key or token, and endpoint. */
function openConnectionString(value: unknown, context: z.RefinementCtx): unknown {
  const given = value as Record<string, unknown> | null;
  if (given?.provider !== 'azure' || given.connectionString === undefined) return value;
  const { connectionString, ...others } = given;
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message, path: ['connectionString'] });
    return z.NEVER;
  };
  const secrets = ['accountKey', 'sasToken', 'tenantId', 'clientId', 'clientSecret'];
  if (secrets.some((name) => others[name] !== undefined)) return refuse(azureWays);
  try {
    const parsed = parseAzureConnectionString(String(connectionString));
    if (others.accountName !== undefined && others.accountName !== parsed.accountName) {
      return refuse('The connection string is that of another storage account.');
    }
    return { ...others, ...parsed };
  } catch (error) {
    return refuse(toAppError(error).message);
  }
}

/**
 * What opens an account at a cloud. Sealed at rest; never logged, never answered. Takes `connectionString` for Azure,
 * which becomes the other fields.
 */
export const credentialsSchema = z.preprocess(
  openConnectionString,
  z.discriminatedUnion('provider', [
    s3.superRefine((value, context) => checkS3(value, refuseIn(context))),
    azure.superRefine((value, context) => checkAzure(value, refuseIn(context))),
    gcs.refine(
      ({ serviceAccountKey, refreshToken, useMachineIdentity }) =>
        [serviceAccountKey, refreshToken, useMachineIdentity].filter((one) => one !== undefined).length === 1,
      {
        message:
          'Give exactly one of a service account key and the machine identity; a Google account is connected by signing in to it.',
        path: ['serviceAccountKey'],
      },
    ),
    dropbox,
  ]),
);

function refuseIn(context: z.RefinementCtx): (field: string, message: string) => void {
  return (field, message) => context.addIssue({ code: 'custom', message, path: [field] });
}

export type Credentials = z.infer<typeof credentialsSchema>;
export type CredentialsOf<Provider extends Credentials['provider']> = Extract<Credentials, { provider: Provider }>;
