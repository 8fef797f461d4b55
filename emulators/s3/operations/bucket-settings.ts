import { receiveText } from '../body.ts';
import { bucketName, bucketOf, objectOf, parameter, type RequestContext } from '../context.ts';
import { S3Error } from '../errors.ts';
import { sendEmpty, sendXml } from '../respond.ts';
import { BUCKET_SETTINGS } from '../router.ts';
import { childText, element, parseXml, xmlDocument } from '../xml.ts';
import { ACL_XML } from './shared.ts';

/**
 * The settings of a bucket, but for its versioning as S3 answers for one whose settings were never changed, for instance
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
 */
export async function getBucketSetting(context: RequestContext): Promise<void> {
  const { versioning } = bucketOf(context).record;
  const setting = BUCKET_SETTINGS.find((name) => parameter(context, name) !== undefined);
  switch (setting) {
    case 'location': {
      const { region } = context.settings;
      // us-east-1 is the null location.
      return sendXml(context, xmlDocument('LocationConstraint', region === 'us-east-1' ? '' : region));
    }
    case 'versioning':
      return sendXml(context, xmlDocument('VersioningConfiguration', element('Status', versioning)));
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

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html */
export async function putBucketVersioning(context: RequestContext): Promise<void> {
  bucketOf(context);
  const document = parseXml(await receiveText(context, 64 * 1024));
  const status = childText(document, 'Status');
  if (document.name !== 'VersioningConfiguration') throw new S3Error('MalformedXML');
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('IllegalVersioningConfigurationException');
  if (childText(document, 'MfaDelete') === 'Enabled') throw new S3Error('NotImplemented');
  context.store.setVersioning(bucketName(context), status);
  sendEmpty(context, 200);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html */
export async function getObjectAcl(context: RequestContext): Promise<void> {
  objectOf(context);
  await sendXml(context, xmlDocument('AccessControlPolicy', ACL_XML));
}
