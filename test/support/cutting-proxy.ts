import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** How an answer ends too early. */
export type Ending =
  /** Short of the length that its head declares. */
  | 'declared'
  /** In chunks, as if it were complete: its head declares no length. */
  | 'in-chunks'
  /** With the connection, and declares no length. */
  | 'with-connection'
  /** In the middle of its head. */
  | 'in-head';

/** Stands before a store and cuts answers off that the store has given in full. */
export interface CuttingProxy {
  endpoint: string;
  /** Cuts the next answer of a method and a path, after half of its body; resolves when that has happened. */
  cutNext(method: string, path: RegExp, ending: Ending): Promise<void>;
  close(): Promise<void>;
}

interface Planned {
  method: string;
  path: RegExp;
  ending: Ending;
  onCut: () => void;
}

export async function startCuttingProxy(upstream: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(upstream);
  const planned: Planned[] = [];
  const take = ({ method, url = '' }: IncomingMessage) => {
    const at = planned.findIndex((one) => one.method === method && one.path.test(url));
    return at === -1 ? undefined : planned.splice(at, 1)[0];
  };
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const onward = send({ hostname, port, method, path: url, headers }, async (answer) => {
      const status = answer.statusCode ?? 500;
      const cut = status < 300 ? take(request) : undefined;
      if (cut === undefined) {
        response.writeHead(status, answer.rawHeaders);
        answer.pipe(response);
        return;
      }
      const body = await buffer(answer);
      const half = body.subarray(0, body.length / 2);
      const { 'content-length': _, ...undeclared } = answer.headers;
      cut.onCut();
      if (cut.ending === 'in-chunks') {
        response.writeHead(status, undeclared).end(half);
        return;
      }
      const head = [
        'HTTP/1.1 200 OK',
        ...linesOf(cut.ending === 'declared' ? answer.headers : undeclared),
        '',
        '',
      ].join('\r\n');
      const { socket } = request;
      if (cut.ending === 'in-head') socket.end(head.slice(0, head.length / 2));
      else socket.write(head, () => socket.end(half));
    });
    onward.on('error', () => request.socket.destroy());
    request.on('error', () => onward.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutNext: (method, path, ending) =>
      new Promise((onCut) => {
        planned.push({ method, path, ending, onCut });
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const linesOf = (headers: NodeJS.Dict<string | string[]>) =>
  Object.entries(headers).flatMap(([name, values]) => [values ?? []].flat().map((value) => `${name}: ${value}`));
