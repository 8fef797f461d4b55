import { hasBody, receiveText } from '../body.ts';
import { bucketName, bucketOf, integerParameter, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import { childText, element, parseXml, wrap, xmlDocument } from '../xml.ts';
import { OWNER_XML } from './shared.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
export async function listBuckets(context: RequestContext): Promise<void> {
  const prefix = parameter(context, 'prefix') ?? '';
  const after = parameter(context, 'continuation-token') ?? '';
  const maximum = integerParameter(context, 'max-buckets', 10_000, 1, 10_000);
  const matching = context.store.listBuckets().filter(({ name }) => name.startsWith(prefix) && name > after);
  const page = matching.slice(0, maximum);
  await sendXml(
    context,
    xmlDocument(
      'ListAllMyBucketsResult',
      OWNER_XML,
      wrap(
        'Buckets',
        ...page.map(({ name, created }) =>
          wrap('Bucket', element('Name', name), element('CreationDate', new Date(created).toISOString())),
        ),
      ),
      prefix === '' ? '' : element('Prefix', prefix),
      element('ContinuationToken', matching.length > page.length ? page.at(-1)?.name : undefined),
    ),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html */
export async function createBucket(context: RequestContext): Promise<void> {
  const name = bucketName(context);
  requireValidName(name);
  const region = hasBody(context.request) ? locationConstraint(await receiveText(context, 64 * 1024)) : 'us-east-1';
  if (region !== context.settings.region) {
    throw new S3Error('InvalidLocationConstraint', undefined, { details: { LocationConstraint: region } });
  }
  const existing = context.store.findBucket(name);
  // In us-east-1 creating one's own bucket again succeeds, as the API reference says of BucketAlreadyOwnedByYou.
  if (existing !== undefined && region !== 'us-east-1') {
    throw new S3Error('BucketAlreadyOwnedByYou', undefined, { details: { BucketName: name } });
  }
  if (existing === undefined) {
    context.store.createBucket(name);
  }
  sendEmpty(context, 200, { location: `/${name}` });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
export function headBucket(context: RequestContext): void {
  bucketOf(context);
  sendEmpty(context, 200, { 'x-amz-bucket-region': context.settings.region });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html */
export function deleteBucket(context: RequestContext): void {
  context.store.deleteBucket(bucketName(context));
  sendEmpty(context, 204);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html. @throws InvalidBucketName */
export function requireValidName(name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..') || /^\d+\.\d+\.\d+\.\d+$/.test(name)) {
    throw new S3Error('InvalidBucketName', undefined, { details: { BucketName: name } });
  }
}

function locationConstraint(xml: string): string {
  return childText(parseXml(xml), 'LocationConstraint') || 'us-east-1';
}
