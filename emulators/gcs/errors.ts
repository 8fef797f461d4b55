/**
 * The errors this server answers with: status and reason of the JSON API, and the code of the XML API.
 * https://cloud.google.com/storage/docs/json_api/v1/status-codes and
 * https://cloud.google.com/storage/docs/xml-api/reference-status
 */
const ERRORS = {
  authError: [401, 'authError', 'AuthenticationRequired', 'Invalid Credentials'],
  badDigest: [400, 'invalid', 'BadDigest', 'The hash you specified did not match what we computed.'],
  bucketNotEmpty: [409, 'conflict', 'BucketNotEmpty', 'The bucket you tried to delete is not empty.'],
  conditionNotMet: [
    412,
    'conditionNotMet',
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold.',
  ],
  conflict: [
    409,
    'conflict',
    'BucketNameUnavailable',
    'The requested bucket name is not available. Your previous request to create the named bucket succeeded and you already own it.',
  ],
  entityTooLarge: [400, 'uploadTooLarge', 'EntityTooLarge', 'Your proposed upload is larger than the maximum allowed.'],
  entityTooSmall: [400, 'invalid', 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size.'],
  expiredToken: [400, 'invalid', 'ExpiredToken', 'The provided token has expired.'],
  forbidden: [403, 'forbidden', 'AccessDenied', 'Access denied.'],
  gone: [410, 'gone', 'NoSuchUpload', 'Gone'],
  internalError: [500, 'internalError', 'InternalError', 'We encountered an internal error. Please try again.'],
  invalid: [400, 'invalid', 'InvalidArgument', 'Invalid argument.'],
  invalidPart: [400, 'invalid', 'InvalidPart', 'One or more of the specified parts could not be found.'],
  invalidPartOrder: [400, 'invalid', 'InvalidPartOrder', 'The list of parts was not in ascending order.'],
  malformedXml: [400, 'parseError', 'MalformedXML', 'The XML you provided was not well-formed.'],
  lengthRequired: [411, 'required', 'MissingContentLength', 'You must provide the Content-Length HTTP header.'],
  methodNotAllowed: [405, 'methodNotAllowed', 'MethodNotAllowed', 'The method is not allowed against this resource.'],
  noSuchBucket: [404, 'notFound', 'NoSuchBucket', 'The specified bucket does not exist.'],
  noSuchKey: [404, 'notFound', 'NoSuchKey', 'The specified key does not exist.'],
  noSuchUpload: [404, 'notFound', 'NoSuchUpload', 'The requested upload was not found.'],
  notFound: [404, 'notFound', 'NoSuchKey', 'Not Found'],
  notImplemented: [501, 'notImplemented', 'NotImplemented', 'This server does not implement the request.'],
  notModified: [304, 'notModified', 'NotModified', ''],
  parseError: [400, 'parseError', 'InvalidArgument', 'Parse Error'],
  rateLimitExceeded: [
    429,
    'rateLimitExceeded',
    'SlowDown',
    'The object exceeded the rate limit for object mutation operations. Please reduce your request rate.',
  ],
  rangeNotSatisfiable: [
    416,
    'requestedRangeNotSatisfiable',
    'InvalidRange',
    'The requested range cannot be satisfied.',
  ],
  required: [400, 'required', 'InvalidArgument', 'Required parameter is missing.'],
  serviceUnavailable: [
    503,
    'backendError',
    'ServiceUnavailable',
    'We encountered an internal error. Please try again.',
  ],
  signatureDoesNotMatch: [
    403,
    'forbidden',
    'SignatureDoesNotMatch',
    'Access denied. The request signature we calculated does not match the signature you provided.',
  ],
} as const satisfies Record<string, readonly [number, string, string, string]>;

export type GcsErrorKind = keyof typeof ERRORS;

/** An error that is answered in the form of the API that the request came by. */
export class GcsError extends Error {
  readonly kind: GcsErrorKind;
  readonly status: number;
  /** `errors[].reason` of the JSON API. */
  readonly reason: string;
  /** `Code` of the XML API. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: GcsErrorKind, message?: string, headers: Record<string, string> = {}) {
    const [status, reason, code, usual] = ERRORS[kind];
    super(message ?? usual);
    this.name = 'GcsError';
    this.kind = kind;
    this.status = status;
    this.reason = reason;
    this.code = code;
    this.headers = headers;
  }
}

/** The error document of the JSON API. */
export function jsonError({ status, reason, message, kind }: GcsError): object {
  const location = kind === 'authError' ? { locationType: 'header', location: 'Authorization' } : {};
  return { error: { code: status, message, errors: [{ message, domain: 'global', reason, ...location }] } };
}
