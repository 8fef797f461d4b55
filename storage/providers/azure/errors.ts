import { AppError, type AppErrorOptions, type ErrorCode } from '../../../core/errors.ts';
import { clockIsOff, clockMessage, refusalDetail, retryAfterMs } from '../../http/errors.ts';

/**
 * What the service said, from the headers or the body of its answer. `code` is its own error code
 * ("Common REST API error codes" and "Blob service error codes" of the Storage REST reference).
 */
export interface AzureFault {
  status: number;
  code: string | undefined;
  message?: string | undefined;
  headers: Record<string, string | undefined>;
  /** By the clock that dated the request, which may have been set right since. Default: now. */
  sentAt?: number;
}

const codes = {
  AccountBeingCreated: 'PROVIDER_UNAVAILABLE',
  AccountIsDisabled: 'PERMISSION_DENIED',
  AuthenticationFailed: 'CREDENTIALS_INVALID',
  InvalidAuthenticationInfo: 'CREDENTIALS_INVALID',
  NoAuthenticationInformation: 'CREDENTIALS_INVALID',
  AuthorizationFailure: 'PERMISSION_DENIED',
  AuthorizationPermissionMismatch: 'PERMISSION_DENIED',
  AuthorizationProtocolMismatch: 'PERMISSION_DENIED',
  AuthorizationResourceTypeMismatch: 'PERMISSION_DENIED',
  AuthorizationServiceMismatch: 'PERMISSION_DENIED',
  AuthorizationSourceIPMismatch: 'PERMISSION_DENIED',
  InsufficientAccountPermissions: 'PERMISSION_DENIED',
  KeyBasedAuthenticationNotPermitted: 'PERMISSION_DENIED',
  PublicAccessNotPermitted: 'PERMISSION_DENIED',
  BlobArchived: 'OBJECT_ARCHIVED',
  BlobBeingRehydrated: 'OBJECT_ARCHIVED',
  BlobImmutableDueToPolicy: 'PERMISSION_DENIED',
  BlobImmutableDueToLegalHold: 'PERMISSION_DENIED',
  LeaseIdMissing: 'PERMISSION_DENIED',
  SnapshotsPresent: 'PRECONDITION_FAILED',
  BlobAlreadyExists: 'PRECONDITION_FAILED',
  ConditionNotMet: 'PRECONDITION_FAILED',
  TargetConditionNotMet: 'PRECONDITION_FAILED',
  SourceConditionNotMet: 'OBJECT_CHANGED',
  BlobNotFound: 'OBJECT_NOT_FOUND',
  ResourceNotFound: 'OBJECT_NOT_FOUND',
  BlobTypeNotSupported: 'NOT_SUPPORTED',
  InvalidBlobType: 'NOT_SUPPORTED',
  ContainerNotFound: 'CONTAINER_NOT_FOUND',
  ContainerBeingDeleted: 'CONTAINER_NOT_FOUND',
  InvalidResourceName: 'NAME_NOT_ALLOWED',
  InvalidBlockList: 'UPLOAD_EXPIRED',
  InvalidBlobOrBlock: 'CONFLICT',
  InvalidRange: 'OBJECT_CHANGED',
  Md5Mismatch: 'CHECKSUM_MISMATCH',
  Crc64Mismatch: 'CHECKSUM_MISMATCH',
  RequestBodyTooLarge: 'OBJECT_TOO_LARGE',
  BlockCountExceedsLimit: 'OBJECT_TOO_LARGE',
  AccountLimitExceeded: 'QUOTA_EXCEEDED',
  InvalidMetadata: 'REQUEST_REFUSED',
  EmptyMetadataKey: 'REQUEST_REFUSED',
  MetadataTooLarge: 'REQUEST_REFUSED',
  ServerBusy: 'THROTTLED',
  OperationTimedOut: 'PROVIDER_UNAVAILABLE',
  InternalError: 'PROVIDER_UNAVAILABLE',
} satisfies Record<string, ErrorCode>;

/** For answers without one of these codes: HEAD has no body, and a proxy before the service has no such codes. */
const statuses = {
  401: 'CREDENTIALS_INVALID',
  403: 'PERMISSION_DENIED',
  404: 'OBJECT_NOT_FOUND',
  408: 'PROVIDER_UNAVAILABLE',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'OBJECT_TOO_LARGE',
  416: 'OBJECT_CHANGED',
  429: 'THROTTLED',
  501: 'NOT_SUPPORTED',
  503: 'THROTTLED',
} satisfies Record<number, ErrorCode>;

const messages: Partial<Record<ErrorCode, string>> = {
  CREDENTIALS_INVALID: 'Azure refused the credentials. Check the account name and what opens it.',
  PERMISSION_DENIED: 'Azure does not let these credentials do this. See docs/providers/azure.md for the roles.',
  CONTAINER_NOT_FOUND: 'The container does not exist.',
  OBJECT_NOT_FOUND: 'The blob does not exist.',
  OBJECT_CHANGED: 'The blob has changed since it was listed.',
  OBJECT_ARCHIVED: 'The blob is in the archive tier. Rehydrate it first.',
  PRECONDITION_FAILED: 'The destination is not in the state that was expected.',
  REQUEST_REFUSED: 'Azure refuses the metadata of the blob.',
  NAME_NOT_ALLOWED: 'Azure cannot hold this name.',
  UPLOAD_EXPIRED:
    'Blocks of this upload are gone: the service drops them a week after the last, or when another upload of the blob completes.',
  CONFLICT:
    'Another program has begun an upload of this blob that does not mix with ours. Delete the blob or wait a week.',
  CHECKSUM_MISMATCH: 'The bytes that arrived are not those that were sent.',
  OBJECT_TOO_LARGE: 'The service does not take so many bytes at once.',
  QUOTA_EXCEEDED: 'The storage account is full.',
  ENDPOINT_INVALID: 'The endpoint refuses the request for a reason that the Azure Blob service does not give.',
  THROTTLED: 'Azure asks to slow down.',
  PROVIDER_UNAVAILABLE: 'Azure has a problem of its own.',
};

/** What a denial is about that is no matter of roles. */
const denials: Record<string, string> = {
  AccountIsDisabled: 'The storage account is disabled. Look at it and its subscription in the portal.',
  InsufficientAccountPermissions:
    'The storage account itself may not do this. Look at it and its subscription in the portal.',
  KeyBasedAuthenticationNotPermitted:
    'The storage account takes neither its key nor SAS tokens signed with it. Use a service principal.',
  PublicAccessNotPermitted: 'The storage account lets nobody in unsigned. Check that the SAS token is complete.',
  AuthorizationFailure:
    'The storage account does not let this request in. Check its firewall, and then what the credentials may do.',
  AuthorizationProtocolMismatch: 'The SAS token is good by HTTPS only. Give an endpoint that begins with https.',
  AuthorizationServiceMismatch: 'The SAS token is not for the Blob service. Make one that allows it.',
  AuthorizationSourceIPMismatch: "The SAS token is for other addresses than this server's. Make one that allows it.",
  BlobImmutableDueToPolicy: 'A retention policy protects the blob.',
  BlobImmutableDueToLegalHold: 'A legal hold protects the blob.',
  LeaseIdMissing: 'Another program holds a lease on the blob. Break the lease, or wait until it ends.',
};

/** Azure refuses requests that are dated more than 15 minutes off. */
const clockToleranceMs = 15 * 60_000;

/** An answer that the service did not give. */
export function notAzure(cause?: unknown): AppError {
  return new AppError('ENDPOINT_INVALID', 'The endpoint does not answer as the Azure Blob service does.', { cause });
}

/** What answers in place of the service, as far as it can be told. */
function somethingElse(status: number, headers: AzureFault['headers']): AppError {
  const remedy = "Give the storage account's Blob endpoint, or leave it out for Azure's own.";
  if (status >= 300 && status < 400) {
    const text = `The endpoint redirects to another place instead of answering. ${remedy} (status ${status})`;
    return new AppError('ENDPOINT_INVALID', text);
  }
  if (!headers['content-type']?.startsWith('text/html')) return notAzure();
  return new AppError('ENDPOINT_INVALID', `The endpoint is a web page, not the Azure Blob service. ${remedy}`);
}

/** Throws ENDPOINT_INVALID for an answer, however friendly, that the service did not give: it numbers all of its own. */
export function assertFromAzure(headers: Record<string, string>): void {
  if (headers['x-ms-request-id'] === undefined) throw somethingElse(200, headers);
}

/** An answer of the service that refuses, with its HTTP status and the service's own code. */
export class AzureRefusal extends AppError {
  readonly status: number;
  readonly reason: string | undefined;

  constructor(fault: AzureFault, code: ErrorCode, message: string, options: AppErrorOptions) {
    super(code, message, options);
    this.status = fault.status;
    this.reason = fault.code;
  }
}

export function azureError(fault: AzureFault): AppError {
  const { status, code, headers, sentAt } = fault;
  // The code stands for firewall rules as well as, in some answers, for a wrong signature.
  const isSignature = code === 'AuthorizationFailure' && /failed to authenticate/i.test(fault.message ?? '');
  const isFromProxy = status === 429 || (status >= 500 && status !== 501);
  if (status < 400 || (headers['x-ms-request-id'] === undefined && !isFromProxy)) {
    return somethingElse(status, headers);
  }
  const known = isSignature ? 'CREDENTIALS_INVALID' : (codes as Record<string, ErrorCode>)[code ?? ''];
  let appCode: ErrorCode =
    known ??
    (statuses as Record<number, ErrorCode>)[status] ??
    (status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'ENDPOINT_INVALID');
  if (appCode === 'CREDENTIALS_INVALID' && clockIsOff(headers.date, clockToleranceMs, sentAt)) appCode = 'CLOCK_SKEWED';
  const denial = appCode === 'PERMISSION_DENIED' ? denials[code ?? ''] : undefined;
  const text =
    appCode === 'CLOCK_SKEWED'
      ? clockMessage('Azure', clockToleranceMs, headers.date, sentAt)
      : (denial ?? messages[appCode] ?? 'Azure refused the request.');
  const retryAfter = retryAfterMs(headers['retry-after']);
  return new AzureRefusal(fault, appCode, `${text} (${refusalDetail(code, status)})`, {
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  });
}

/** The listing of containers names nothing but the account. */
export function unknownAccount(error: unknown, accountName: string): unknown {
  if (!(error instanceof AzureRefusal) || error.status !== 404) return error;
  return new AppError(
    'ENDPOINT_INVALID',
    `The endpoint knows no storage account '${accountName}'. Check the name of the account and the endpoint: if its host is not the account's own, its path is the account's name.`,
    { cause: error },
  );
}
