import type { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { builder } from '../builder.ts';

const S3Addressing = builder.enumType('S3Addressing', {
  description: 'How an S3-compatible store wants buckets to be named.',
  values: {
    PATH: { value: 'path', description: 'https://host/bucket/key, as most compatible stores want.' },
    VIRTUAL: { value: 'virtual', description: 'https://bucket.host/key, as AWS wants.' },
  } as const,
});

const S3CredentialsInput = builder.inputType('S3CredentialsInput', {
  description: 'Access to AWS S3 or a compatible store.',
  fields: (t) => ({
    endpoint: t.string({
      description: 'Address of a compatible store, https://host[:port]. Absent: AWS S3 of the region.',
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
    accessKeyId: t.string({ required: true, description: 'Id of the access key, at most 256 characters.' }),
    secretAccessKey: t.string({
      required: true,
      description: 'Secret of the access key, at most 1024 characters. Sealed at rest, never answered.',
    }),
    sessionToken: t.string({ description: 'Session token of temporary credentials, at most 8192 characters.' }),
  }),
});

const AzureCredentialsInput = builder.inputType('AzureCredentialsInput', {
  description: 'Access to Azure Blob Storage: exactly one of `accountKey` and `sasToken`.',
  fields: (t) => ({
    accountName: t.string({ required: true, description: 'Name of the storage account, 3 to 64 characters.' }),
    accountKey: t.string({ description: 'Shared key of the storage account, base64. Sealed at rest, never answered.' }),
    sasToken: t.string({
      description:
        'Account or service SAS, with or without the leading `?`, at most 4096 characters. Sealed at rest, never answered.',
    }),
    endpoint: t.string({
      description: 'Address of the blob service. Absent: https://<accountName>.blob.core.windows.net.',
    }),
  }),
});

export const CloudCredentialsInput = builder.inputType('CloudCredentialsInput', {
  description: 'What opens an account at a cloud: exactly one of the fields.',
  isOneOf: true,
  fields: (t) => ({
    s3: t.field({ type: S3CredentialsInput, description: 'AWS S3 or a compatible store.' }),
    azure: t.field({ type: AzureCredentialsInput, description: 'Azure Blob Storage.' }),
  }),
});

type CloudCredentials = (typeof CloudCredentialsInput)['$inferInput'];

/** Throws INVALID_INPUT that names the field, never its value. */
export function parseCredentials(input: CloudCredentials): Credentials {
  const [provider, fields] =
    's3' in input && input.s3 ? (['s3', input.s3] as const) : (['azure', input.azure] as const);
  const given = Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== null && value !== ''));
  const parsed = credentialsSchema.safeParse({ provider, ...given });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues as [z.core.$ZodIssue, ...z.core.$ZodIssue[]];
  const name = String(issue.path[0] ?? '');
  throw new AppError('INVALID_INPUT', issueText(issue, name), {
    field: ['credentials', provider, ...(name === '' ? [] : [name])],
  });
}

function issueText(issue: z.core.$ZodIssue, name: string): string {
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'too_big') return `\`${name}\` is longer than ${issue.maximum} characters.`;
  if (issue.code === 'too_small') return `\`${name}\` is shorter than ${issue.minimum} characters.`;
  if (issue.code === 'invalid_format') {
    return issue.format === 'url'
      ? `\`${name}\` is not an address such as https://host:port.`
      : `\`${name}\` is not valid ${issue.format}.`;
  }
  return `\`${name}\` is missing.`;
}
