import type { IncomingMessage } from 'node:http';
import type { RequestCounts } from '../../queue/plan-estimate.ts';
import type { CloudName, Clouds } from './clouds.ts';

type Kind = keyof RequestCounts;
/** null: neither counted nor charged for. */
const kinds: Record<string, Kind | null> = {
  HeadObject: 'read',
  GetObject: 'read',
  GetObjectTagging: 'read',
  PutObject: 'write',
  CreateMultipartUpload: 'write',
  UploadPart: 'write',
  CompleteMultipartUpload: 'write',
  AbortMultipartUpload: null,
  ListObjectsV2: 'list',
  DeleteObjects: 'delete',
  DeleteObject: 'delete',
  CopyObject: 'copy',
  UploadPartCopy: 'copy',

  'objects.get': 'read',
  'objects.download': 'read',
  'xml.get': 'read',
  'xml.put': 'write',
  'xml.initiate': 'write',
  'xml.putPart': 'write',
  'xml.complete': 'write',
  // The begin of a session, and its end.
  'objects.insert': 'write',
  'objects.resume': null,
  'objects.list': 'list',
  'objects.delete': 'delete',
  'objects.rewrite': 'copy',
  token: null,

  'files/get_metadata': 'read',
  'files/download': 'read',
  'files/copy_reference/get': 'read',
  'files/get_temporary_link': 'read',
  // What a temporary link leads to.
  links: 'read',
  'files/upload_session/start': 'write',
  'files/upload_session/append_v2': 'write',
  'files/upload_session/finish_batch_v2': 'write',
  'files/create_folder_v2': 'write',
  'files/move_v2': 'write',
  'files/list_folder': 'list',
  'files/list_folder/continue': 'list',
  'files/delete_v2': 'delete',
  'files/delete_batch': 'delete',
  'files/copy_reference/save': 'copy',
  'files/save_url': 'copy',
  'files/delete_batch/check': null,
  'files/save_url/check_job_status': null,
  'users/get_current_account': null,
  'users/get_space_usage': null,
  'oauth2/token': null,
};

export const noRequests = (): RequestCounts => ({ read: 0, write: 0, list: 0, delete: 0, copy: 0 });

/** Counts from now on what each of the clouds is asked, in the classes that clouds charge for. */
export function countRequests(clouds: Clouds): { take(): Record<CloudName, RequestCounts> } {
  const none = () => ({ s3: noRequests(), azure: noRequests(), gcs: noRequests(), dropbox: noRequests() });
  let counts = none();
  const count = (cloud: CloudName, operation: string) => {
    const kind = kinds[operation];
    if (kind === undefined) throw new Error(`${cloud} was asked for ${operation}, which no estimate counts.`);
    if (kind !== null) counts[cloud][kind] += 1;
  };
  clouds.servers.s3.observer.on('arrived', ({ operation }) => count('s3', operation));
  clouds.servers.gcs.observer.on('arrived', ({ operation }) => count('gcs', operation));
  clouds.servers.dropbox.observer.on('arrived', ({ route }) => count('dropbox', route));
  clouds.onAzureRequest = (request) => {
    counts.azure[azureKind(request)] += 1;
  };
  return {
    /** What was asked since it was last taken. */
    take() {
      const taken = counts;
      counts = none();
      return taken;
    },
  };
}

function azureKind({ method, url = '', headers }: IncomingMessage): Kind {
  if (method === 'PUT') return headers['x-ms-copy-source'] === undefined ? 'write' : 'copy';
  if (method === 'DELETE') return 'delete';
  return url.includes('comp=list&') ? 'list' : 'read';
}
