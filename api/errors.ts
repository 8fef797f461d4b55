import { GraphQLError } from 'graphql';
import { AppError, type ErrorCode } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { isOutage } from '../core/outage.ts';
import { presentationOf } from './error-table.ts';

/** One entry of `userErrors`. */
export interface UserErrorShape {
  field: string[] | null;
  code: ErrorCode;
  message: string;
  remedy: string;
}

/** What is told of a failure that is kept with a row (a transfer, an item, an account). */
export interface StoredErrorShape {
  code: ErrorCode;
  message: string;
  remedy: string;
}

/** What an answer and a log line need to know of the request. */
export interface RequestScope {
  requestId: string;
  log: Logger;
}

/** Runs a mutation's work. What the caller can mend becomes `userErrors`; anything else is thrown on. */
export async function attempt<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; userErrors: UserErrorShape[] } | { result: null; userErrors: UserErrorShape[] }> {
  try {
    return { result: await work(), userErrors: [] };
  } catch (error) {
    const known = translate(error);
    if (presentationOf(known.code).as !== 'user') throw error;
    return { result: null, userErrors: [toUserError(known)] };
  }
}

function toUserError(error: AppError): UserErrorShape {
  const field = error.field === undefined ? null : ['input', ...error.field.filter((part) => part !== 'input')];
  return { field, code: error.code, ...textOf(error) };
}

/** A failure as rows keep it, or null for none. */
export function storedError(code: string | null, message: string | null): StoredErrorShape | null {
  if (code === null) return null;
  return { code: code as ErrorCode, ...textOf(new AppError(code as ErrorCode, message ?? '')) };
}

function textOf(error: AppError): { message: string; remedy: string } {
  const presentation = presentationOf(error.code);
  return { message: presentation.message ?? error.message, remedy: presentation.remedy };
}

/** Names the one reason behind anything thrown. Unknown errors are INTERNAL with the original as cause. */
export function translate(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isOutage(error)) {
    return new AppError('SERVICE_UNAVAILABLE', 'A service that is needed cannot be reached.', { cause: error });
  }
  return new AppError('INTERNAL', 'Unexpected error.', { cause: error });
}

/** Marks errors that are fit to be answered, so that none is translated twice. */
const presented = new WeakSet<GraphQLError>();

/**
 * The error as it is answered: `extensions { code, requestId }`, a message fit for users, no internal detail. What is
 * our own fault is logged under the request id.
 */
export function presentError(error: unknown, scope: RequestScope): GraphQLError {
  if (error instanceof GraphQLError && presented.has(error)) return error;
  const place = error instanceof GraphQLError ? placeOf(error) : {};
  const result = isCallersMistake(error)
    ? new GraphQLError(withoutValues(error.message), {
        ...place,
        // Of what libraries attach nothing but the status is handed on: some of them repeat the request.
        extensions: {
          code: 'INVALID_INPUT',
          requestId: scope.requestId,
          ...(error.extensions.http === undefined ? {} : { http: error.extensions.http }),
        },
      })
    : presentAppError(translate(originalOf(error)), place, scope);
  presented.add(result);
  return result;
}

function presentAppError(
  error: AppError,
  place: Partial<ReturnType<typeof placeOf>>,
  scope: RequestScope,
): GraphQLError {
  const presentation = presentationOf(error.code);
  if (error.code === 'INTERNAL') scope.log.error({ err: error.cause ?? error }, 'unexpected error');
  if (error.code === 'SERVICE_UNAVAILABLE') scope.log.warn({ err: error.cause ?? error }, 'a service is away');
  const { message, remedy } = textOf(error);
  return new GraphQLError(message, {
    ...place,
    extensions: {
      code: error.code,
      requestId: scope.requestId,
      remedy,
      ...(presentation.httpStatus === undefined
        ? {}
        : { http: { status: presentation.httpStatus, headers: { 'retry-after': '5' } } }),
    },
  });
}

/**
 * graphql-js repeats the value that it refuses, at its length, and that value may hold a credential. Whoever sent it
 * needs the place and the rule.
 */
export function withoutValues(message: string): string {
  return message
    .replace(/(cannot represent [^:]*?) ?value: .*$/s, '$1 value.')
    .replace(/^(Syntax Error: .*?\b(?:[Uu]nexpected|found) (?:Name|Int|Float|String|BlockString)) ".*$/s, '$1.')
    .replace(/(Expected value of type "[^"]*"), found .*$/s, '$1.')
    .replace(/Value ".*" does not exist in/s, 'The value does not exist in')
    .replace(/^(Variable "[^"]*") got invalid value .*?((?: at "[^"{}]*")?); ([^;]*)$/s, '$1 has a wrong value$2: $3');
}

/** Where in the document and in the answer an error belongs. */
function placeOf(error: GraphQLError) {
  return {
    ...(error.nodes && { nodes: error.nodes }),
    ...(error.source && { source: error.source }),
    ...(error.positions && { positions: error.positions }),
    ...(error.path && { path: error.path }),
  };
}

/** What a resolver threw, below the wrappers that graphql-js puts around it. */
function originalOf(error: unknown): unknown {
  let current = error;
  while (current instanceof GraphQLError && current.originalError) current = current.originalError;
  return current;
}

/**
 * Whether graphql-js itself refuses the document, its variables or an argument: its message repeats only what the
 * caller sent. An error of a leaf's serialisation has no node of its own and is ours.
 */
function isCallersMistake(error: unknown): error is GraphQLError {
  if (!(error instanceof GraphQLError)) return false;
  const original = originalOf(error);
  if (!(original instanceof GraphQLError)) return false;
  return error.path === undefined || (original.nodes !== undefined && original.nodes[0]?.kind !== 'Field');
}
