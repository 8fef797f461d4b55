import type { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { builder } from '../builder.ts';

export const S3Addressing = builder.enumType('S3Addressing', {
  description: 'How an S3-compatible store wants buckets to be named.',
  values: {
    PATH: { value: 'path', description: 'https://host/bucket/key, as most compatible stores want.' },
    VIRTUAL: { value: 'virtual', description: 'https://bucket.host/key, as AWS wants.' },
  } as const,
});

export const S3Encryption = builder.enumType('S3Encryption', {
  description: 'How S3 encrypts the objects that it keeps.',
  values: {
    S3_KEYS: { value: 'AES256', description: 'With keys of S3 itself (SSE-S3).' },
    KMS_KEY: { value: 'aws:kms', description: 'With a key of the key management service (SSE-KMS).' },
  } as const,
});

const S3CredentialsInput = builder.inputType('S3CredentialsInput', {
  description:
    'Access to AWS S3 or a compatible store: exactly one of an access key (`accessKeyId` with `secretAccessKey`) and `useMachineIdentity`.',
  fields: (t) => ({
    endpoint: t.string({
      description:
        'Address of a compatible store, https://host[:port], at most 2048 characters. Absent: AWS S3 of the region.',
    }),
    region: t.string({
      defaultValue: 'us-east-1',
      description: 'Region that requests are signed for, at most 64 characters.',
    }),
    addressing: t.field({
      type: S3Addressing,
      defaultValue: 'virtual',
      description: 'How buckets are named in addresses.',
    }),
    accessKeyId: t.string({ description: 'Id of the access key, at most 256 characters.' }),
    secretAccessKey: t.string({
      description: 'Secret of the access key, at most 1024 characters. Sealed at rest, never answered.',
    }),
    sessionToken: t.string({ description: 'Session token of temporary credentials, at most 8192 characters.' }),
    useMachineIdentity: t.boolean({
      description:
        'true: the identity of the machine that Skyferry runs on (instance role, web identity), for AWS S3 itself and thus without `endpoint`. Only where the operator allows it.',
    }),
    storageClass: t.string({
      description:
        'Storage class of the objects that are written, such as `STANDARD_IA`, at most 64 characters. Absent: `STANDARD`.',
    }),
    serverSideEncryption: t.field({
      type: S3Encryption,
      description: 'Encryption of the objects that are written. Absent: as the bucket is set.',
    }),
    kmsKeyId: t.string({
      description:
        'Id, ARN or alias of the key for `KMS_KEY`, at most 2048 characters. Absent: the default key of the AWS account.',
    }),
    requesterPays: t.boolean({
      description: 'true: this account pays for its requests to buckets whose requester pays. Default: false.',
    }),
  }),
});

const AzureCredentialsInput = builder.inputType('AzureCredentialsInput', {
  description:
    'Access to Azure Blob Storage: exactly one of `accountKey`, `sasToken`, `connectionString`, and a service principal (`tenantId`, `clientId` and `clientSecret`).',
  fields: (t) => ({
    accountName: t.string({
      description:
        'Name of the storage account, 3 to 24 lower-case letters and digits. May be absent with a connection string, which names it.',
    }),
    accountKey: t.string({
      description:
        'Shared key of the storage account, base64, at most 1024 characters. Sealed at rest, never answered.',
    }),
    sasToken: t.string({
      description:
        'Account or service SAS, with or without the leading `?`, at most 4096 characters. Sealed at rest, never answered.',
    }),
    connectionString: t.string({
      description:
        'Connection string of the storage account, with its key or a shared access signature, at most 8192 characters. Sealed at rest, never answered.',
    }),
    tenantId: t.string({
      description: 'Directory (tenant) of the service principal: its id or domain, at most 128 characters.',
    }),
    clientId: t.string({ description: 'Application (client) id of the service principal, at most 128 characters.' }),
    clientSecret: t.string({
      description:
        'Secret of the service principal, its value and not its id, at most 1024 characters. Sealed at rest, never answered.',
    }),
    endpoint: t.string({
      description:
        'Address of the blob service, at most 2048 characters. Absent: https://<accountName>.blob.core.windows.net.',
    }),
  }),
});

const GcsCredentialsInput = builder.inputType('GcsCredentialsInput', {
  description:
    'Access to Google Cloud Storage: exactly one of `serviceAccountKey` and `useMachineIdentity`. People connect their own Google account by `startOAuth`.',
  fields: (t) => ({
    serviceAccountKey: t.string({
      description:
        'Key of a service account: the text of the JSON file that Google hands out, at most 16384 characters. Sealed at rest, never answered.',
    }),
    useMachineIdentity: t.boolean({
      description:
        'true: the service account of the machine that Skyferry runs on, where the operator allows it (`instance.machineIdentityAllowed`). It opens endpoints of Google alone.',
    }),
    projectId: t.string({
      description: 'Project whose buckets are listed, at most 64 characters. Absent: that of the service account.',
    }),
    endpoint: t.string({
      description:
        'Address of a server that speaks the API of Google Cloud Storage, at most 2048 characters. Absent: Google itself.',
    }),
  }),
});

export const CloudCredentialsInput = builder.inputType('CloudCredentialsInput', {
  description:
    'What opens an account at a cloud: exactly one of the fields. Dropbox is not among them: its grants come by `startOAuth` alone.',
  isOneOf: true,
  fields: (t) => ({
    s3: t.field({ type: S3CredentialsInput, description: 'AWS S3 or a compatible store.' }),
    azure: t.field({ type: AzureCredentialsInput, description: 'Azure Blob Storage.' }),
    gcs: t.field({ type: GcsCredentialsInput, description: 'Google Cloud Storage.' }),
  }),
});

type CloudCredentials = (typeof CloudCredentialsInput)['$inferInput'];

/** Throws INVALID_INPUT that names the field, never its value. */
export function parseCredentials(input: CloudCredentials): Credentials {
  const [[provider, fields] = ['', null]] = Object.entries(input).filter(([, value]) => value != null);
  // What is empty or off is as good as not given.
  const given = Object.fromEntries(
    Object.entries(fields ?? {}).filter(([, value]) => value !== null && value !== '' && value !== false),
  );
  const parsed = credentialsSchema.safeParse({ provider, ...given });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues as [z.core.$ZodIssue, ...z.core.$ZodIssue[]];
  const name = String(issue.path[0] ?? '');
  throw new AppError('INVALID_INPUT', issueText(issue, name), {
    field: ['credentials', provider, ...(name === '' ? [] : [name])],
  });
}

/** How the fields are called on screens. */
const labels: Record<string, string> = {
  endpoint: 'Endpoint',
  region: 'Region',
  accessKeyId: 'Access key ID',
  secretAccessKey: 'Secret access key',
  sessionToken: 'Session token',
  storageClass: 'Storage class',
  kmsKeyId: 'KMS key',
  accountName: 'Storage account',
  accountKey: 'Account key',
  sasToken: 'SAS token',
  connectionString: 'Connection string',
  tenantId: 'Tenant ID',
  clientId: 'Client ID',
  clientSecret: 'Client secret',
  serviceAccountKey: 'Key of a service account',
  projectId: 'Project ID',
};

/** What the rule is that was broken, as one sentence. */
function issueText(issue: z.core.$ZodIssue, name: string): string {
  const label = labels[name] ?? name;
  switch (issue.code) {
    case 'too_big':
      return `${label} must have at most ${issue.maximum} characters.`;
    case 'too_small':
      return `${label} must have at least ${issue.minimum} characters.`;
    case 'custom':
    case 'invalid_format':
      return issue.message.endsWith('.') ? issue.message : `${label} ${issue.message}.`;
    default:
      return `${label} is missing.`;
  }
}
