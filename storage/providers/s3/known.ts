import { randomUUID } from 'node:crypto';
import { ListBucketsCommand, type S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../../core/errors.ts';
import { orAborted } from '../../http.ts';
import type { S3Credentials } from './address.ts';
import { S3Refusal } from './errors.ts';
import { callSdk } from './sdk.ts';
import type { KeySource } from './signer.ts';

/**
 * Whether the store knew who asked when it denied the list of buckets; throws the denial otherwise. S3 checks the
 * signature first, and so says that a wrong one is wrong; some compatible stores (Versity's gateway, Garage) deny keys that
 * they do not know in the same words. So the same is asked with a secret that is wrong for certain: credentials that are
 * answered otherwise are right. Where the answers are alike nobody can tell, and PERMISSION_DENIED says so.
 *
 * @param forge makes a client of the account with other keys, which is destroyed here.
 */
export async function requireKnown(
  denial: unknown,
  keys: KeySource,
  forge: (keys: Partial<S3Credentials>) => S3Client,
  signal: AbortSignal,
): Promise<void> {
  const isDenied =
    denial instanceof S3Refusal && denial.code === 'PERMISSION_DENIED' && denial.reason === 'AccessDenied';
  if (!isDenied) throw denial;
  const { accessKeyId, sessionToken } = await orAborted(keys(), signal);
  const client = forge({ accessKeyId, sessionToken, secretAccessKey: randomUUID() });
  const told = await callSdk(signal, () => client.send(new ListBucketsCommand(), { abortSignal: signal })).then(
    () => denial,
    (error: AppError) => error,
  );
  client.destroy();
  if (told.code === 'CREDENTIALS_INVALID') return;
  if (told.code !== 'PERMISSION_DENIED') throw told;
  throw new AppError(
    'PERMISSION_DENIED',
    'The store does not let these credentials list buckets, and answers wrong ones just so: nothing shows that they are right. Check them, and allow them to list buckets (s3:ListAllMyBuckets).',
    { cause: denial },
  );
}
