import type { CombinedError } from 'urql';

/** What went wrong with a request, in words for the person at the screen. */
export interface Problem {
  /** One of the API's ErrorCode, or `UNREACHABLE` when no answer came. */
  code: string;
  message: string;
  /** What to do about it. */
  remedy: string | null;
  /** Names the request in the server's log. */
  requestId: string | null;
  /** Whether it may pass by itself, so that asking again without being told makes sense. */
  passing: boolean;
}

interface ErrorExtensions {
  code?: unknown;
  remedy?: unknown;
  requestId?: unknown;
}

interface GraphQLErrorLike {
  message: string;
  extensions?: ErrorExtensions | undefined;
}

const passingCodes = new Set(['SERVICE_UNAVAILABLE', 'PROVIDER_UNAVAILABLE', 'ENDPOINT_UNREACHABLE', 'THROTTLED']);

const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null);

export function problemOfGraphQLError(error: GraphQLErrorLike): Problem {
  const code = textOrNull(error.extensions?.code) ?? 'INTERNAL';
  return {
    code,
    message: error.message.replace(/^\[GraphQL\] /, ''),
    remedy: textOrNull(error.extensions?.remedy),
    requestId: textOrNull(error.extensions?.requestId),
    passing: passingCodes.has(code),
  };
}

/** Reads urql's error: the first GraphQL error where the API answered, else that it could not be reached. */
export function problemOf(error: CombinedError): Problem {
  const [first] = error.graphQLErrors;
  if (first !== undefined) return problemOfGraphQLError(first);
  return {
    code: 'UNREACHABLE',
    message: 'Skyferry’s server does not answer.',
    remedy: 'Try again in a moment. Running transfers are not affected.',
    requestId: null,
    passing: true,
  };
}
