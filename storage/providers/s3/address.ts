import { isIP } from 'node:net';
import { awsHost, awsPartition } from '../../../core/aws.ts';
import { AppError } from '../../../core/errors.ts';
import type { Credentials } from '../../credentials.ts';
import { type Endpoint, encodeKey, encodeValue, parseEndpoint } from '../endpoint.ts';

export type S3Credentials = Extract<Credentials, { provider: 's3' }>;

/** Where an account's requests go. */
export interface S3Address {
  endpoint: Endpoint;
  /** Whether it is AWS itself, whose abilities are known, or a compatible store, which is probed. */
  isAws: boolean;
  /** Whether buckets are named in the path (https://host/bucket/key) whatever they are called. */
  pathStyle: boolean;
}

/**
 * Throws ENDPOINT_INVALID, also for the machine's identity together with an endpoint: it is the operator's, and no
 * address that a user names may see what it signs. A name below amazonaws.com proves nothing, since customers' own
 * services have such names too (AWS PrivateLink, "Manage DNS names for VPC endpoint services").
 */
export function s3Address(credentials: S3Credentials): S3Address {
  if (credentials.useMachineIdentity && credentials.endpoint !== undefined) {
    throw new AppError(
      'ENDPOINT_INVALID',
      "The identity of the machine opens Amazon's own S3 only. Leave the endpoint out, or give an access key.",
    );
  }
  const endpoint = parseEndpoint(credentials.endpoint ?? awsEndpoint(credentials.region));
  // A name below an IP address, or below localhost, leads nowhere.
  const isBare = isIP(endpoint.hostname.replace(/^\[|\]$/g, '')) !== 0 || endpoint.hostname === 'localhost';
  return {
    endpoint,
    isAws: awsPartition(endpoint.hostname) !== null,
    pathStyle: credentials.addressing === 'path' || isBare,
  };
}

function awsEndpoint(region: string): string {
  if (!/^[a-z0-9-]+$/.test(region)) {
    throw new AppError('ENDPOINT_INVALID', 'The region of an AWS account is a name such as eu-central-1.');
  }
  return `https://${awsHost(region)}`;
}

export interface Target {
  origin: string;
  path: string;
  /** Value of the Host header. */
  host: string;
}

/** Origin and path of a bucket, or of an object in it. Throws CONTAINER_NOT_FOUND for what cannot be a bucket's name. */
export function target(address: S3Address, bucket: string, key = ''): Target {
  checkBucketName(bucket);
  const { endpoint, pathStyle } = address;
  // Certificates cover one label below the endpoint's name: a bucket with dots must stand in the path under TLS.
  const inHost =
    !pathStyle &&
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) &&
    !(endpoint.origin.startsWith('https:') && bucket.includes('.'));
  const object = `/${encodeKey(key)}`;
  if (!inHost) return { origin: endpoint.origin, path: `${endpoint.basePath}/${bucket}${object}`, host: endpoint.host };
  const host = `${bucket}.${endpoint.host}`;
  return { origin: endpoint.origin.replace('://', `://${bucket}.`), path: endpoint.basePath + object, host };
}

/**
 * Throws CONTAINER_NOT_FOUND: the name gets into a host name or a path as it is. Compatible stores keep to what S3 allowed before 2018 at most.
 */
export function checkBucketName(bucket: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket) || bucket.includes('..')) {
    throw new AppError('CONTAINER_NOT_FOUND', 'No such bucket: names are letters, digits, dots and dashes.');
  }
  if (bucket.endsWith('--x-s3')) {
    throw new AppError(
      'NOT_SUPPORTED',
      'Directory buckets of S3 Express are not supported. Use a general purpose bucket.',
    );
  }
}

export function queryString(query: Record<string, string>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeValue(value)}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
