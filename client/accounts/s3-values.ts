import type { Account } from './account.ts';
import type { CredentialsInput } from './use-connecting.ts';

type S3Settings = NonNullable<Account['s3']>;

/** What is typed to open Amazon S3 or a store that speaks its language. */
export interface S3Values {
  name: string;
  store: 'aws' | 'compatible';
  endpoint: string;
  region: string;
  addressing: S3Settings['addressing'];
  /** The identity of the machine opens Amazon S3 only: no other store may see its signatures. */
  method: 'key' | 'machine';
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  storageClass: string;
  /** '': as the bucket is set. */
  serverSideEncryption: '' | NonNullable<S3Settings['serverSideEncryption']>;
  kmsKeyId: string;
  requesterPays: boolean;
}

/** In the order of the screen. */
export const s3Fields = [
  'name',
  'endpoint',
  'region',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'storageClass',
  'kmsKeyId',
] as const;

/** An empty form, or that of an account whose credentials are replaced, with what is to stay. */
export function s3Initial(replaced: Account | undefined): S3Values {
  const kept = replaced?.s3;
  return {
    name: replaced?.name ?? '',
    store: replaced?.endpoint == null ? 'aws' : 'compatible',
    endpoint: replaced?.endpoint ?? '',
    region: replaced?.region ?? 'us-east-1',
    addressing: replaced?.endpoint == null ? 'PATH' : (kept?.addressing ?? 'PATH'),
    method: kept?.useMachineIdentity === true && replaced?.endpoint === null ? 'machine' : 'key',
    accessKeyId: '',
    secretAccessKey: '',
    sessionToken: '',
    storageClass: kept?.storageClass ?? '',
    serverSideEncryption: kept?.serverSideEncryption ?? '',
    kmsKeyId: kept?.kmsKeyId ?? '',
    requesterPays: kept?.requesterPays ?? false,
  };
}

export function opensByKey({ method, store }: S3Values): boolean {
  return method === 'key' || store === 'compatible';
}

export function s3Credentials(values: S3Values): CredentialsInput {
  const compatible = values.store === 'compatible';
  const { serverSideEncryption } = values;
  const typed = (name: 'sessionToken' | 'storageClass' | 'kmsKeyId') =>
    values[name].trim() === '' ? {} : { [name]: values[name].trim() };
  return {
    s3: {
      ...(compatible ? { endpoint: values.endpoint.trim() } : {}),
      region: values.region.trim(),
      addressing: compatible ? values.addressing : 'VIRTUAL',
      ...(opensByKey(values)
        ? {
            accessKeyId: values.accessKeyId.trim(),
            secretAccessKey: values.secretAccessKey.trim(),
            ...typed('sessionToken'),
          }
        : { useMachineIdentity: true }),
      ...typed('storageClass'),
      ...(serverSideEncryption === '' ? {} : { serverSideEncryption }),
      ...(serverSideEncryption === 'KMS_KEY' ? typed('kmsKeyId') : {}),
      ...(values.requesterPays ? { requesterPays: true } : {}),
    },
  };
}
