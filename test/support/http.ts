import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { type AddressPolicy, createAddressPolicy } from '../../storage/address-policy.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../../storage/http.ts';

export const MiB = 1024 * 1024;

/** Opens a server on a free port until the test has ended, and counts its connections. */
export async function listen<S extends Server>(server: S): Promise<S & { port: number; connections: number }> {
  const sockets = new Set<Socket>();
  const seen = Object.assign(server, { port: 0, connections: 0 });
  server.on('connection', (socket: Socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

export async function serve(answer: RequestListener) {
  const server = await listen(createServer(answer));
  return Object.assign(server, { origin: `http://127.0.0.1:${server.port}` });
}

/** A server that answers what `answer` writes, whatever was asked. */
export async function serveRaw(answer: (socket: Socket, request: string) => void) {
  const server = await listen(
    createTcpServer((socket) => {
      socket.on('data', (data) => answer(socket, data.toString('latin1')));
    }),
  );
  return Object.assign(server, { origin: `http://127.0.0.1:${server.port}` });
}

/** Answers with what was asked, as JSON. */
export async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
}

/** The product's client, until the test has ended. */
export function client(
  policy: AddressPolicy = createAddressPolicy(['127.0.0.1']),
  mostConnections?: number,
): HttpClient {
  const http = createHttpClient(policy, mostConnections);
  onTestFinished(() => http.close());
  return http;
}

export function ask(origin: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', origin, path: '/', headers: {}, signal: new AbortController().signal, ...more };
}

export function put(
  origin: string,
  body: HttpRequest['body'],
  length: number,
  more: Partial<HttpRequest> = {},
): HttpRequest {
  return ask(origin, {
    method: 'PUT',
    headers: { 'content-length': String(length) },
    ...(body ? { body } : {}),
    ...more,
  });
}

/** A connection is free again in the next turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
