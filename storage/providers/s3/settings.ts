import type { CreateMultipartUploadCommandInput } from '@aws-sdk/client-s3';
import type { S3Credentials } from './address.ts';

/** What an account asks for each object that it writes. */
type WriteSettings = Pick<S3Credentials, 'storageClass' | 'serverSideEncryption' | 'kmsKeyId'>;

/** Headers of PutObject and CopyObject ("Using Amazon S3 storage classes"). */
export function writeHeaders(settings: WriteSettings): Record<string, string> {
  const { storageClass } = settings;
  return {
    ...(storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass }),
    ...encryptionHeaders(settings),
  };
}

/** Those of them by which the store encrypts ("Specifying server-side encryption"). */
export function encryptionHeaders({ serverSideEncryption, kmsKeyId }: WriteSettings): Record<string, string> {
  return {
    ...(serverSideEncryption === undefined ? {} : { 'x-amz-server-side-encryption': serverSideEncryption }),
    ...(kmsKeyId === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyId }),
  };
}

/** The same for CreateMultipartUpload. Parts take over what their upload has. */
export function uploadSettings(settings: WriteSettings): Partial<CreateMultipartUploadCommandInput> {
  const { storageClass, serverSideEncryption, kmsKeyId } = settings;
  return {
    ...(storageClass === undefined
      ? {}
      : { StorageClass: storageClass as NonNullable<CreateMultipartUploadCommandInput['StorageClass']> }),
    ...(serverSideEncryption === undefined ? {} : { ServerSideEncryption: serverSideEncryption }),
    ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
  };
}

/** Headers of every request, without which buckets whose requester pays refuse ("Using Requester Pays buckets"). */
export function requestHeaders({ requesterPays }: S3Credentials): Record<string, string> {
  return requesterPays ? { 'x-amz-request-payer': 'requester' } : {};
}
