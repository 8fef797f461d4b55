import { bucketOf, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendXml } from '../respond.ts';
import { BUCKET_SETTINGS } from '../router.ts';
import { element, xmlDocument } from '../xml.ts';
import { ACL_XML } from './shared.ts';

/**
 * The settings of a bucket as S3 answers for one whose settings were never changed, for instance
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
 */
export async function getBucketSetting(context: RequestContext): Promise<void> {
  bucketOf(context);
  const setting = BUCKET_SETTINGS.find((name) => parameter(context, name) !== undefined);
  switch (setting) {
    case 'location': {
      const { region } = context.settings;
      // us-east-1 is the null location.
      return sendXml(context, xmlDocument('LocationConstraint', region === 'us-east-1' ? '' : region));
    }
    case 'versioning':
      return sendXml(context, xmlDocument('VersioningConfiguration'));
    case 'acl':
      return sendXml(context, xmlDocument('AccessControlPolicy', ACL_XML));
    case 'logging':
      return sendXml(context, xmlDocument('BucketLoggingStatus'));
    case 'notification':
      return sendXml(context, xmlDocument('NotificationConfiguration'));
    case 'requestPayment':
      return sendXml(context, xmlDocument('RequestPaymentConfiguration', element('Payer', 'BucketOwner')));
    case 'cors':
      throw new S3Error('NoSuchCORSConfiguration');
    case 'lifecycle':
      throw new S3Error('NoSuchLifecycleConfiguration');
    case 'object-lock':
      throw new S3Error('ObjectLockConfigurationNotFoundError');
    case 'policy':
      throw new S3Error('NoSuchBucketPolicy');
    case 'tagging':
      throw new S3Error('NoSuchTagSet');
    default:
      throw new S3Error('NoSuchWebsiteConfiguration');
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html */
export async function getObjectAcl(context: RequestContext): Promise<void> {
  context.store.object(bucketOf(context), context.target.key as string);
  await sendXml(context, xmlDocument('AccessControlPolicy', ACL_XML));
}
