import type { ProviderName } from './account.ts';

/** What an account is for: bytes leave it, arrive in it, or both. */
export type Use = 'source' | 'destination' | 'both';

const s3Actions: Record<'source' | 'destination', { bucket: string[]; object: string[] }> = {
  source: { bucket: ['s3:ListBucket'], object: ['s3:GetObject', 's3:GetObjectVersion'] },
  destination: {
    // The second one to find uploads whose beginning was not answered.
    bucket: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
    object: [
      // To see what arrived and read it back.
      's3:GetObject',
      's3:GetObjectVersion',
      's3:PutObject',
      's3:AbortMultipartUpload',
      's3:ListMultipartUploadParts',
      // To take back what arrived damaged.
      's3:DeleteObject',
    ],
  },
};

const union = (...lists: string[][]) => [...new Set(lists.flat())];

const usesOf = (use: Use) => (use === 'both' ? (['source', 'destination'] as const) : ([use] as const));

/** The rights that a key at a store other than Amazon's needs for `use` of `bucket`, by the names of S3's operations. */
export function compatibleRights(use: Use, bucket: string): string {
  const uses = usesOf(use);
  const named = (kind: 'bucket' | 'object') =>
    union(...uses.map((one) => s3Actions[one][kind])).map((action) => `  ${action.replace('s3:', '')}`);
  return [
    `On the bucket ${bucket === '' ? 'YOUR-BUCKET' : bucket}`,
    ...named('bucket'),
    'On the files in it',
    ...named('object'),
    'To see all buckets (optional)',
    '  ListAllMyBuckets',
  ].join('\n');
}

/** The IAM policy with the least that an S3 account needs for `use` of `bucket`. */
export function s3Policy(use: Use, bucket: string): string {
  const uses = usesOf(use);
  const name = bucket === '' ? 'YOUR-BUCKET' : bucket;
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'SeeBuckets',
        Effect: 'Allow',
        Action: 's3:ListAllMyBuckets',
        Resource: '*',
      },
      {
        Sid: 'ListObjects',
        Effect: 'Allow',
        Action: union(...uses.map((one) => s3Actions[one].bucket)),
        Resource: `arn:aws:s3:::${name}`,
      },
      {
        Sid: 'MoveObjects',
        Effect: 'Allow',
        Action: union(...uses.map((one) => s3Actions[one].object)),
        Resource: `arn:aws:s3:::${name}/*`,
      },
    ],
  };
  return JSON.stringify(policy, null, 2);
}

/** Google's own roles with the least for each use: get and list; and create, delete and parts of uploads. */
const gcsRoles: Record<Use, string> = {
  source: 'roles/storage.objectViewer',
  destination: 'roles/storage.objectUser',
  both: 'roles/storage.objectUser',
};

/** The command that lets a service account use one bucket of Google's for `use`. */
export function gcsCommand(use: Use, bucket: string): string {
  return [
    `gcloud storage buckets add-iam-policy-binding gs://${bucket === '' ? 'YOUR-BUCKET' : bucket} \\`,
    '  --member serviceAccount:NAME@PROJECT.iam.gserviceaccount.com \\',
    `  --role ${gcsRoles[use]}`,
  ].join('\n');
}

/** What Skyferry asks a person for at Dropbox: who it is; list, read and write files. */
export const dropboxScopes = [
  'account_info.read',
  'files.metadata.read',
  'files.content.read',
  'files.content.write',
].join('\n');

/** What stands beside permissions that are ready to copy, and over them. */
export interface PermissionTexts {
  label: string;
  explanation: string;
}

/** For a store that speaks S3, other than Amazon's. */
export const compatibleTexts: PermissionTexts = {
  label: 'Rights of the key',
  explanation:
    'Make an access key of its own in the console of the store, with these rights and no more. Stores with policies in the language of AWS, such as MinIO and Ceph, know them by these names, with s3: before them; others call them read or write, for one bucket.',
};

/** How the permissions are handed over; for Azure it depends on the way in (azure-permissions.ts). */
export const permissionTexts: Record<Exclude<ProviderName, 'AZURE'>, PermissionTexts> = {
  S3: {
    label: 'IAM policy',
    explanation: 'Attach this policy to the IAM user or role whose access key you give to Skyferry, and nothing more.',
  },
  GCS: {
    label: 'gcloud command',
    explanation:
      'Give the service account this role on the bucket, and nothing more. To see the buckets of the project it also needs storage.buckets.list; without it, buckets are opened by name. Your own Google account brings the roles that you have.',
  },
  DROPBOX: {
    label: 'Scopes',
    explanation:
      'Skyferry asks Dropbox for these scopes and no others, and Dropbox shows them to you before you agree. You can take the grant back at any time: dropbox.com, Settings, Connected apps.',
  },
};
