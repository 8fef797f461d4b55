import { AppError } from '../core/errors.ts';

/** What a connection string opens; the names are those of the credentials. */
export interface AzureConnection {
  accountName: string;
  accountKey?: string;
  sasToken?: string;
  endpoint?: string;
}

/** What tells that a connection string belongs to another service, by the beginning of one of its parts. */
const foreign: readonly [RegExp, string][] = [
  [/(^|;)\s*Endpoint=sb:/i, 'Service Bus or Event Hubs'],
  [/(^|;)\s*AccountEndpoint=/i, 'Cosmos DB'],
  [/(^|;)\s*HostName=[^;]*azure-devices/i, 'IoT Hub'],
  [/(^|;)\s*(Server|Data Source)=/i, 'a database'],
  [/(^|;)\s*InstrumentationKey=/i, 'Application Insights'],
  [/(^|;)\s*Endpoint=https:[^;]*(azconfig|webpubsub|signalr|communication)/i, 'another Azure service'],
  [/^\s*(mongodb|postgres|postgresql|mysql|redis|amqps?)(\+\w+)?:/i, 'a database or a message broker'],
  [/^\s*\{/, 'Google Cloud (a JSON key)'],
  [/^\s*(AKIA|ASIA)[A-Z0-9]|(^|;)\s*(aws_access_key_id|AccessKey)=/i, 'Amazon S3 (an access key)'],
];

function refuse(message: string): never {
  throw new AppError('INVALID_INPUT', message);
}

/**
 * Reads a connection string of Azure Storage ("Configure Azure Storage connection strings" in its documentation): with
 * the account's key, or with a shared access signature. Throws INVALID_INPUT that says what is wrong and repeats none
 * of its parts.
 */
export function parseAzureConnectionString(text: string): AzureConnection {
  if (text.length > 8192) refuse('The connection string is longer than 8192 characters.');
  for (const [mark, service] of foreign) {
    if (mark.test(text)) refuse(`This is a connection string of ${service}, not one of Azure Storage.`);
  }
  const parts = partsOf(text);
  if (parts.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    refuse('UseDevelopmentStorage stands for a local emulator: give the emulator’s account name, key and endpoint.');
  }
  const blobEndpoint = parts.get('blobendpoint')?.replace(/\/+$/, '');
  const accountKey = parts.get('accountkey');
  const sasToken = parts.get('sharedaccesssignature');
  if (accountKey === undefined && sasToken === undefined) {
    refuse('The connection string holds neither AccountKey nor SharedAccessSignature: copy the whole of it.');
  }
  if (accountKey !== undefined && sasToken !== undefined) {
    refuse('The connection string holds both AccountKey and SharedAccessSignature: keep one of them.');
  }
  if (accountKey === undefined && blobEndpoint === undefined) {
    const isOther = ['queueendpoint', 'fileendpoint', 'tableendpoint'].some((name) => parts.has(name));
    refuse(
      isOther
        ? 'The connection string is for queues, files or tables only: it has no BlobEndpoint.'
        : 'The connection string has no BlobEndpoint: copy the whole of it.',
    );
  }
  const accountName = parts.get('accountname') ?? accountOf(blobEndpoint);
  if (accountName === undefined)
    refuse('The connection string does not say which account it is for: AccountName is missing.');
  const endpoint = blobEndpoint ?? endpointOf(parts, accountName);
  return {
    accountName,
    ...(accountKey === undefined ? {} : { accountKey }),
    ...(sasToken === undefined ? {} : { sasToken }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** Parts by their names in lower case. A value may hold `=` itself: keys and signatures do. */
function partsOf(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at < 1)
      refuse('This is no connection string: it is not made of Name=value parts with semicolons between them.');
    parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  if (parts.size === 0) refuse('The connection string is empty.');
  return parts;
}

/** The account in https://ACCOUNT.blob.SUFFIX, or in an emulator's http://host:port/ACCOUNT. */
function accountOf(blobEndpoint: string | undefined): string | undefined {
  const url = blobEndpoint === undefined ? null : URL.parse(blobEndpoint);
  if (url === null) return undefined;
  const inHost = /^([a-z0-9]{3,24})(?:-secondary)?\.(?:z\d+\.)?blob\./.exec(url.hostname)?.[1];
  return inHost ?? /^\/([a-z0-9]{3,24})$/.exec(url.pathname)?.[1];
}

/** Other than the public cloud's, which is the default. */
function endpointOf(parts: Map<string, string>, accountName: string): string | undefined {
  const suffix = parts.get('endpointsuffix') ?? 'core.windows.net';
  const protocol = (parts.get('defaultendpointsprotocol') ?? 'https').toLowerCase();
  if (!/^https?$/.test(protocol)) refuse('DefaultEndpointsProtocol in the connection string must be https.');
  if (!/^[a-z0-9.-]+$/i.test(suffix)) refuse('EndpointSuffix in the connection string is no domain.');
  if (suffix === 'core.windows.net' && protocol === 'https') return undefined;
  return `${protocol}://${accountName}.blob.${suffix}`;
}
