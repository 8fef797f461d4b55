import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { Context, Viewer } from '../context.ts';
import { presentError, type RequestScope, translate } from '../errors.ts';
import { createContext } from '../graphql-server.ts';
import type { Services } from '../services.ts';
import { sendJson } from './health.ts';

/** Who asks, as far as the connection tells. */
export interface Caller {
  scope: RequestScope;
  clientAddress: string;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  CONFLICT: 409,
  SERVICE_UNAVAILABLE: 503,
};

/** Finds out who asks outside of GraphQL, by the same session. Throws UNAUTHENTICATED. */
export async function signedIn(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  { scope, clientAddress }: Caller,
  signal: AbortSignal,
): Promise<Context & { viewer: Viewer }> {
  const { requestId, log } = scope;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) if (typeof value === 'string') headers.set(name, value);
  const responseCookies: string[] = [];
  const source = { requestId, log, clientAddress, headers, responseCookies, signal };
  const context = await createContext(services, source);
  if (responseCookies.length > 0) response.setHeader('set-cookie', responseCookies);
  const { viewer } = context;
  if (viewer === null) throw new AppError('UNAUTHENTICATED', 'You are not signed in.');
  return { ...context, viewer };
}

/** Tells an error by status and JSON, as GraphQL tells it. */
export function sendError(response: ServerResponse, error: unknown, { scope }: Caller): void {
  const { code } = translate(error);
  const { message, extensions } = presentError(error, scope);
  const { http: _http, ...told } = extensions;
  if (code === 'SERVICE_UNAVAILABLE') response.setHeader('retry-after', '5');
  sendJson(response, statusOf[code] ?? 500, { errors: [{ message, extensions: told }] });
}

/** Tells whoever used another method which ones there are. */
export function sendWrongMethod(response: ServerResponse, methods: readonly string[]): void {
  response.setHeader('allow', methods.join(', '));
  sendJson(response, 405, {
    errors: [{ message: `Only ${methods.join(' and ')} ${methods.length > 1 ? 'work' : 'works'} here.` }],
  });
}
