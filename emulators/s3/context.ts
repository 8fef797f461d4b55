import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authentication } from './auth/authenticator.ts';
import { S3Error } from './errors.ts';
import type { ActiveFault } from './faults.ts';
import { type ByteString, toText } from './keys.ts';
import type { Operation } from './router.ts';
import type { ObjectRecord, Version } from './store/records.ts';
import type { Store } from './store/store.ts';
import { type Bucket, versionIdOf } from './store/versions.ts';
import type { RequestTarget } from './target.ts';

export interface ServerSettings {
  readonly region: string;
  /** Whether checksums other than Content-MD5 are known; compatible stores may answer 501 to them. */
  readonly hasFlexibleChecksums: boolean;
}

/** One authenticated request on its way to its answer. */
export interface RequestContext {
  readonly settings: ServerSettings;
  readonly store: Store;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly method: string;
  readonly operation: Operation;
  readonly target: RequestTarget;
  readonly authentication: Authentication;
  /** Pending while the client waits for `100 Continue` before it sends the body. */
  readonly expectation: { isPending: boolean };
  /** A fault to inject into this request. */
  readonly fault: ActiveFault | undefined;
  /** Bodies as they passed the socket, for the observer. */
  readonly bytes: { received: number; sent: number };
}

/** A header, which a presigned URL may carry in its query instead when its name begins with x-amz-. */
export function header(context: RequestContext, name: string): string | undefined {
  const value = context.request.headers[name];
  if (value !== undefined) {
    return Array.isArray(value) ? value.join(',') : value;
  }
  if (context.authentication.isPresigned && name.startsWith('x-amz-')) {
    for (const [parameter, text] of context.target.query) {
      if (parameter.toLowerCase() === name) {
        return text;
      }
    }
  }
  return undefined;
}

/** All headers whose names begin with `prefix`, by the rest of the name. */
export function headersWithPrefix(context: RequestContext, prefix: string): [string, string][] {
  const found = new Map<string, string>();
  const { headers } = context.request;
  for (const name in headers) {
    if (name.startsWith(prefix)) {
      found.set(name.slice(prefix.length), String(headers[name]));
    }
  }
  if (context.authentication.isPresigned) {
    for (const [parameter, value] of context.target.query) {
      const name = parameter.toLowerCase();
      if (name.startsWith(prefix) && !found.has(name.slice(prefix.length))) {
        found.set(name.slice(prefix.length), Buffer.from(value, 'utf8').toString('latin1'));
      }
    }
  }
  return [...found];
}

export function parameter(context: RequestContext, name: string): string | undefined {
  return context.target.query.get(name);
}

export function bucketName(context: RequestContext): string {
  return context.target.bucket as string;
}

/** @throws NoSuchBucket */
export function bucketOf(context: RequestContext): Bucket {
  return context.store.bucket(bucketName(context));
}

export function keyOf(context: RequestContext): ByteString {
  return context.target.key as ByteString;
}

export function keyText(context: RequestContext): string {
  return toText(keyOf(context));
}

/**
 * A whole number from a query parameter.
 * @throws InvalidArgument outside of `minimum` to `maximum`
 */
export function integerParameter(
  context: RequestContext,
  name: string,
  fallback: number,
  minimum: number,
  maximum = 2_147_483_647,
): number {
  const text = parameter(context, name);
  if (text === undefined || text === '') {
    return fallback;
  }
  const value = /^-?\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new S3Error('InvalidArgument', `Argument ${name} must be an integer between ${minimum} and ${maximum}`, {
      details: { ArgumentName: name, ArgumentValue: text },
    });
  }
  return value;
}

/** The object, or the version of it, that the request is about. @throws NoSuchBucket, NoSuchKey, NoSuchVersion, MethodNotAllowed */
export function objectOf(context: RequestContext): ObjectRecord {
  return context.store.object(bucketOf(context), keyOf(context), parameter(context, 'versionId'));
}

/** Told of objects in buckets that have or had versioning: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export function versionHeaders(bucket: Bucket, version: Version): Record<string, string> {
  return bucket.record.versioning === undefined ? {} : { 'x-amz-version-id': versionIdOf(version) };
}
