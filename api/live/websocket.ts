import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, FormattedExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql';
import { CloseCode, type OperationResult, type ServerOptions } from 'graphql-ws';
import { type Extra, useServer as serveGraphQL } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { AppError } from '../../core/errors.ts';
import { authHeaders, findSession } from '../auth/auth.ts';
import type { Origins } from '../auth/origins.ts';
import { presentError } from '../errors.ts';
import { createContext, type GraphQLServer } from '../graphql-server.ts';
import type { ClientAddress } from '../http/client-address.ts';
import { newScope } from '../request-scope.ts';
import type { Services } from '../services.ts';

const maxMessageBytes = 2 * 1024 * 1024;
/** Operations of one socket at the same time. */
const maxOperations = 100;
const keepAliveMs = 12_000;
/** https://www.iana.org/assignments/websocket/websocket.xhtml */
const tryAgainLater = 1013;

interface SocketState extends Record<PropertyKey, unknown> {
  headers: Headers;
  clientAddress: string;
  /** Aborts when the socket has closed. */
  closed: AbortController;
  releaseSession?: () => void;
}

type SocketExtra = Extra & Partial<SocketState>;

interface Enveloped {
  execute: (args: ExecutionArgs) => OperationResult;
  subscribe: (args: ExecutionArgs) => OperationResult;
}

export interface WebSockets {
  /** Ends all operations and sockets. */
  close(): Promise<void>;
}

/** graphql-transport-ws on the path of the API. A browser's page must be of an allowed origin. */
export function serveWebSockets(
  server: Server,
  graphql: GraphQLServer,
  services: Services,
  origins: Origins,
  clientAddress: ClientAddress,
): WebSockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== '/graphql') return refuse(socket, '404 Not Found');
    const headers = headersOf(request);
    if (!origins.admits({ method: 'UPGRADE', headers })) return refuse(socket, '403 Forbidden');
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  });

  const options: ServerOptions<Record<string, unknown>, SocketExtra> = {
    connectionInitWaitTimeout: 10_000,
    async onConnect({ extra, connectionParams }) {
      const { socket, request } = extra;
      const headers = headersOf(request);
      const given = connectionParams?.authorization ?? connectionParams?.Authorization;
      if (typeof given === 'string') headers.set('authorization', given);
      const address = clientAddress(request);
      const closed = new AbortController();
      Object.assign(extra, { headers, clientAddress: address, closed } satisfies SocketState);
      const session = await findSession(services.auth, authHeaders(headers, address)).catch((error) => {
        presentError(error, newScope(services.log));
        // Clients come back after this code; the one for a server's own errors ends their tries.
        socket.close(tryAgainLater, 'Skyferry cannot reach a service that it needs right now');
        return undefined;
      });
      if (session === undefined) return false;
      if (session === null) {
        // A token that is wrong is told at once; without any, public operations still work.
        return typeof given !== 'string';
      }
      const watched = services.sessions.watch(session.sessionId, session.viewer.id);
      extra.releaseSession = watched.release;
      watched.signal.addEventListener('abort', () => socket.close(CloseCode.Unauthorized, 'The session has ended'));
      return true;
    },
    onClose({ extra }) {
      extra.closed?.abort();
      extra.releaseSession?.();
    },
    async onSubscribe({ extra, subscriptions }, _id, payload) {
      const scope = newScope(services.log);
      try {
        if (Object.keys(subscriptions).length > maxOperations) {
          throw new AppError('INVALID_INPUT', `At most ${maxOperations} operations run on one connection.`);
        }
        const { headers, clientAddress: address, closed } = extra;
        if (!headers || !address || !closed) throw new Error('An operation came before the connection was accepted.');
        const prepared = await createContext(services, {
          ...scope,
          headers,
          clientAddress: address,
          responseCookies: [],
          signal: closed.signal,
        });
        const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({ prepared });
        const document = parse(payload.query);
        const errors = validate(schema, document);
        if (errors.length > 0) return errors.map((error: GraphQLError) => presentError(error, scope));
        return {
          schema,
          document,
          operationName: payload.operationName ?? null,
          variableValues: payload.variables ?? null,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        };
      } catch (error) {
        return [presentError(error, scope)];
      }
    },
    onError: (_context, _id, _payload, errors) => errors.map(formatError),
    onNext: (_context, _id, _payload, _args, { errors, ...rest }) =>
      errors && ({ ...rest, errors: errors.map(formatError) } as FormattedExecutionResult),
    // The functions that belong to the operation's own context travel with its arguments.
    execute: (args) => (args.rootValue as Enveloped).execute(args),
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
  };

  const served = serveGraphQL<Record<string, unknown>, Partial<SocketState>>(options, sockets, keepAliveMs);
  return {
    async close() {
      await served.dispose();
      sockets.close();
    },
  };
}

/** As it goes over the wire: without the status and headers that only an answer over HTTP has. */
function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions: { http: _, ...extensions } = {}, ...rest } = error.toJSON();
  return { ...rest, extensions };
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
