import type { ErrorCode } from '../core/errors.ts';

/** How a code reaches the caller. */
interface ErrorPresentation {
  /**
   * `user`: in `userErrors` of a mutation, because the caller can mend it. `exception`: in `errors`. Outside of
   * mutations every code is an exception.
   */
  as: 'user' | 'exception';
  /** What to do, for someone who never saw the code. */
  remedy: string;
  /** Shown instead of the error's own message, which may hold internal detail. */
  message?: string;
  /** HTTP status of a request that fails with it; absent: 200, as the error is of a field. */
  httpStatus?: number;
  /** Meaning of the code in the published enum. */
  description: string;
}

/** Every error code, once. */
export const errorTable = {
  INVALID_INPUT: {
    as: 'user',
    remedy: 'Correct the value as the message says and try again.',
    description: 'A value is missing, malformed or out of bounds.',
  },
  UNAUTHENTICATED: {
    as: 'exception',
    remedy: 'Sign in, or send a valid token in the Authorization header.',
    description: 'Nobody is signed in, or the session has ended.',
  },
  FORBIDDEN: {
    as: 'exception',
    remedy: 'Ask an administrator of this Skyferry for the right to do this.',
    description: 'The signed-in user may not do this.',
  },
  NOT_FOUND: {
    as: 'user',
    remedy: 'Check the id. It may have been removed, or belong to someone else.',
    description: 'There is no such thing, or it belongs to someone else; both answer alike.',
  },
  CONFLICT: {
    as: 'user',
    remedy: 'Read the current state and decide again.',
    description: 'The present state does not allow this.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    as: 'user',
    remedy: 'Use a new key for a new request; repeat a key only with exactly the same arguments.',
    description: 'The idempotency key was used within the last 24 hours with other arguments, or made what is deleted.',
  },
  SIGN_UP_CLOSED: {
    as: 'user',
    remedy: 'Ask the operator of this Skyferry to open sign-up (SIGN_UP=open).',
    description: 'New users cannot sign up by themselves here.',
  },
  SIGN_IN_REFUSED: {
    as: 'user',
    remedy: 'Check both for typing errors. A forgotten password can be reset where the sign-in page offers it.',
    description: 'Nobody has this e-mail address and this password.',
  },
  RATE_LIMITED: {
    as: 'user',
    remedy: 'Wait as long as the message says, then try again.',
    description: 'Too many attempts in too short a time.',
  },
  CREDENTIALS_INVALID: {
    as: 'user',
    remedy:
      'Check that the credentials are complete, and neither revoked nor expired at the cloud; else give new ones.',
    description: 'The cloud refuses the credentials of an account.',
  },
  PERMISSION_DENIED: {
    as: 'user',
    remedy: 'Give the credentials the missing permission at the cloud, or use others.',
    description: 'The cloud knows the credentials but does not let them do this.',
  },
  CONTAINER_NOT_FOUND: {
    as: 'user',
    remedy: 'Check the name of the bucket or container, or create it at the cloud.',
    description: 'There is no such bucket or container.',
  },
  OBJECT_NOT_FOUND: {
    as: 'user',
    remedy: 'Check the path. The object may have been deleted or renamed.',
    description: 'There is no such object.',
  },
  OBJECT_CHANGED: {
    as: 'user',
    remedy: 'Retry once nobody writes to the object any more.',
    description: 'The source object changed while it was read.',
  },
  SOURCE_CHANGED: {
    as: 'user',
    remedy: 'Plan the transfer again: a retry of this one moves only what was approved.',
    description:
      'The source object is not the one that was planned and approved, or the source has by now what was to be deleted.',
  },
  OBJECT_ARCHIVED: {
    as: 'user',
    remedy: 'Restore the object from its archive tier at the cloud, then retry.',
    description: 'The object lies in an archive tier and cannot be read at once.',
  },
  OBJECT_NOT_READABLE: {
    as: 'user',
    remedy: 'Export the object at its cloud and move the export, or leave it out.',
    description:
      'The cloud lists the object and does not hand it out as it is, such as a document that exists only online.',
  },
  PRECONDITION_FAILED: {
    as: 'user',
    remedy: 'Look at what lies at the destination now, then retry.',
    description: 'Something else appeared at the destination in the meantime.',
  },
  REQUEST_REFUSED: {
    as: 'user',
    remedy: "Check the account's storage class and encryption key and the object's metadata, then retry.",
    description: "The cloud refuses what the account's settings or the object's metadata make of a request.",
  },
  NAME_NOT_ALLOWED: {
    as: 'user',
    remedy: 'Rename the object at the source, or choose another destination.',
    description: 'The destination cannot hold an object of this name.',
  },
  NAME_COLLISION: {
    as: 'user',
    remedy: 'Rename one of the objects at the source, or transfer them to different folders.',
    description: 'Two objects would get the same name at the destination.',
  },
  DESTINATION_EXISTS: {
    as: 'user',
    remedy: 'Choose another conflict policy, another destination, or remove what is there.',
    description: 'An object of this name is at the destination already, and the conflict policy is to fail then.',
  },
  DESTINATION_CHANGED: {
    as: 'user',
    remedy: 'Look at what is there, and start the transfer again to plan with it.',
    description: 'What is at the destination is not what was planned with.',
  },
  DESTINATION_DIFFERS: {
    as: 'user',
    remedy: 'Copy or sync the object again.',
    description: 'Source and destination do not hold the same.',
  },
  LISTING_INCOMPLETE: {
    as: 'user',
    remedy: 'Mend what could not be listed, and sync again.',
    description: 'Not everything could be listed, so nothing is deleted.',
  },
  OBJECT_TOO_LARGE: {
    as: 'user',
    remedy: 'Choose a destination that takes objects of this size.',
    description: 'The object is larger than the destination allows.',
  },
  QUOTA_EXCEEDED: {
    as: 'user',
    remedy: 'Free space or raise the quota at the cloud, then retry.',
    description: 'The destination has no room left.',
  },
  UPLOAD_EXPIRED: {
    as: 'user',
    remedy: 'Retry: the object is sent again from its beginning.',
    description: 'The cloud dropped an unfinished upload.',
  },
  CHECKSUM_MISMATCH: {
    as: 'user',
    remedy: 'Retry: the object is sent again. If it stays so, check the object at the source.',
    description: 'What arrived is not what was sent, or not what the source promised.',
  },
  THROTTLED: {
    as: 'user',
    remedy: 'Wait: the cloud asks for fewer requests. Transfers go on by themselves.',
    description: 'The cloud limits the rate of requests.',
  },
  CLOCK_SKEWED: {
    as: 'user',
    remedy:
      "Ask whose clock is wrong: the operator sets that of Skyferry's machine, a store's owner that of the store (NTP).",
    description: "The cloud refuses requests because this machine's clock and its own are too far apart.",
  },
  ADDRESS_NOT_ALLOWED: {
    as: 'user',
    remedy: 'Use a public endpoint, or ask the operator to allow the address (ALLOWED_PRIVATE_ADDRESSES).',
    description: 'The endpoint lies at an address that this Skyferry does not connect to.',
  },
  ENDPOINT_UNREACHABLE: {
    as: 'user',
    remedy: 'Check host and port of the endpoint, and that it is up.',
    description: 'Nothing answers at the endpoint.',
  },
  ENDPOINT_INVALID: {
    as: 'user',
    remedy: 'Check the address of the endpoint, http or https, and the way buckets are addressed.',
    description: 'What answers at the endpoint is not the storage service that was expected.',
  },
  PROVIDER_UNAVAILABLE: {
    as: 'user',
    remedy: 'Try again in a moment. If it stays so, check the address, and look at the status page of the cloud.',
    description: 'The cloud has trouble, or the connection to it broke.',
  },
  NOT_SUPPORTED: {
    as: 'user',
    remedy: 'This cannot be done here as things are set up; the message says why.',
    description: 'This Skyferry or this cloud cannot do that.',
  },
  CANCELLED: {
    as: 'user',
    remedy: 'Nothing needs to be done. Start it again if you still want it.',
    description: 'It was cancelled, or took longer than it may.',
  },
  LEASE_LOST: {
    as: 'exception',
    remedy: 'Try again in a moment.',
    message: 'Another process has taken over this work.',
    description: 'Another worker has taken over; seen only in logs as a rule.',
  },
  SERVICE_UNAVAILABLE: {
    as: 'exception',
    remedy: 'Try again in a few seconds. Transfers that run go on by themselves.',
    message: 'Skyferry cannot reach a service that it needs right now.',
    httpStatus: 503,
    description: "Skyferry's database or queue cannot be reached at the moment.",
  },
  INTERNAL: {
    as: 'exception',
    remedy: 'Try again. If it stays so, give the request id to the operator, who finds the reason in the log.',
    message: 'Something went wrong on our side.',
    description: 'An unexpected error on our side. The log holds its reason under the request id.',
  },
} as const satisfies Record<ErrorCode, ErrorPresentation>;

/** The table's entry with its optional parts. */
export function presentationOf(code: ErrorCode): ErrorPresentation {
  return errorTable[code];
}
