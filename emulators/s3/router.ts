import { S3Error } from './errors.ts';
import type { RequestTarget } from './target.ts';

/** The operations of https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html */
export type Operation =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'DeleteBucket'
  | 'GetBucketSetting'
  | 'PutBucketVersioning'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'DeleteObjects'
  | 'ListMultipartUploads'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'GetObjectAcl'
  | 'GetObjectAttributes'
  | 'GetObjectTagging'
  | 'PutObjectTagging'
  | 'DeleteObjectTagging'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'ListParts'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload';

/** Settings of a bucket that can be read here, each but versioning in the state of a bucket for which it was never changed. */
export const BUCKET_SETTINGS = [
  'location',
  'versioning',
  'acl',
  'cors',
  'lifecycle',
  'logging',
  'notification',
  'object-lock',
  'policy',
  'requestPayment',
  'tagging',
  'website',
] as const;

/** Sub-resources of the API that this server does not have. */
const UNSUPPORTED = [
  ...BUCKET_SETTINGS,
  'accelerate',
  'analytics',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'metrics',
  'ownershipControls',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'restore',
  'retention',
  'select',
  'session',
  'torrent',
];

/** @throws MethodNotAllowed, NotImplemented */
export function route(method: string, target: RequestTarget, isCopy: boolean): Operation {
  const operation =
    target.bucket === undefined
      ? serviceOperation(method)
      : target.key === undefined
        ? bucketOperation(method, target.query)
        : objectOperation(method, target.query, isCopy);
  if (operation === undefined) {
    throw new S3Error('MethodNotAllowed', undefined, { details: { Method: method } });
  }
  return operation;
}

type Query = ReadonlyMap<string, string>;

function serviceOperation(method: string): Operation | undefined {
  return method === 'GET' ? 'ListBuckets' : undefined;
}

function bucketOperation(method: string, query: Query): Operation | undefined {
  if (method === 'POST' && query.has('delete')) {
    return 'DeleteObjects';
  }
  if (method === 'GET') {
    if (BUCKET_SETTINGS.some((name) => query.has(name))) {
      return 'GetBucketSetting';
    }
    if (query.has('uploads')) {
      return 'ListMultipartUploads';
    }
    if (query.has('versions')) {
      return 'ListObjectVersions';
    }
  }
  if (method === 'PUT' && query.has('versioning')) {
    return 'PutBucketVersioning';
  }
  refuseUnsupported(query);
  switch (method) {
    case 'GET':
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    case 'PUT':
      return 'CreateBucket';
    case 'HEAD':
      return 'HeadBucket';
    case 'DELETE':
      return 'DeleteBucket';
    case 'POST':
      throw new S3Error('NotImplemented', 'Browser-based uploads using POST are not implemented.');
    default:
      return undefined;
  }
}

function objectOperation(method: string, query: Query, isCopy: boolean): Operation | undefined {
  const tagging = query.has('tagging');
  const uploadId = query.has('uploadId');
  if (method === 'GET' && query.has('acl')) {
    return 'GetObjectAcl';
  }
  if (!tagging) {
    refuseUnsupported(query);
  }
  switch (method) {
    case 'GET':
      if (uploadId) {
        return 'ListParts';
      }
      if (query.has('attributes')) {
        return 'GetObjectAttributes';
      }
      return tagging ? 'GetObjectTagging' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (uploadId) {
        return isCopy ? 'UploadPartCopy' : 'UploadPart';
      }
      if (tagging) {
        return 'PutObjectTagging';
      }
      return isCopy ? 'CopyObject' : 'PutObject';
    case 'POST':
      if (query.has('uploads')) {
        return 'CreateMultipartUpload';
      }
      return uploadId ? 'CompleteMultipartUpload' : undefined;
    case 'DELETE':
      if (uploadId) {
        return 'AbortMultipartUpload';
      }
      return tagging ? 'DeleteObjectTagging' : 'DeleteObject';
    default:
      return undefined;
  }
}

function refuseUnsupported(query: Query): void {
  const name = UNSUPPORTED.find((candidate) => query.has(candidate));
  if (name !== undefined) {
    throw new S3Error('NotImplemented', `The sub-resource '${name}' is not implemented.`);
  }
}
