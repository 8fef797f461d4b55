import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, connect as openTcp, type Socket } from 'node:net';
import { createServer as createTlsServer, connect as openTls } from 'node:tls';
import { resetSocket } from './reset.ts';

/** What happens to one exchange. Byte counts are of the connection, HTTP's headers included. */
export type ProxyFault =
  /** Nothing is passed on and nothing answered; the connection stays open. */
  | { kind: 'stall' }
  /** Answers this instead of passing the request on: `HTTP/1.1 503 Service Unavailable\r\n…`. Closes then. */
  | { kind: 'answer'; response: string }
  /** Ends the answer after so many bytes: with a reset, or as if it were complete. */
  | { kind: 'cut'; afterBytes: number; how: 'reset' | 'end' }
  /** Flips one bit of the request, in the byte at that offset. */
  | { kind: 'corrupt'; atByte: number }
  /** The same of the answer. */
  | { kind: 'corruptAnswer'; atByte: number }
  /** Passes the answer on no faster. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** Passes the request on, and resets the connection when the answer begins. */
  | { kind: 'loseAnswer' };

/** Stands between a client and a server and spoils what it is told to. Knows nothing of HTTP. */
export interface FaultProxy {
  /** The upstream's address with the proxy's host and port. */
  endpoint: string;
  /** Spoils the next exchange, on whichever connection it begins; resolves when it has begun. */
  spoilNext(fault: ProxyFault): Promise<void>;
  /** Connections of clients that are open now. */
  connections(): number;
  /** Ends all connections. Idempotent. */
  close(): Promise<void>;
}

interface Planned {
  fault: ProxyFault;
  begun: () => void;
}

/**
 * @param port Where to listen, for a proxy that comes back; 0: anywhere.
 * @param tls What it shows clients of an https: address, in PEM; this process must trust the server of that address.
 */
export async function startFaultProxy(
  upstream: string,
  port = 0,
  tls?: { certificate: string; key: string },
): Promise<FaultProxy> {
  const target = new URL(upstream);
  const clients = new Set<Socket>();
  const planned: Planned[] = [];

  const serve = (client: Socket) => {
    const place = { port: Number(target.port), host: target.hostname };
    const server = tls ? openTls(place) : openTcp(place);
    let fault: ProxyFault | undefined;
    let sent = 0;
    let received = 0;
    clients.add(client);
    client.on('close', () => {
      clients.delete(client);
      server.destroy();
    });
    server.on('close', () => client.destroySoon());
    client.on('error', () => {});
    server.on('error', () => client.destroy());

    client.on('data', (data) => {
      const next = planned.shift();
      if (next) {
        fault = next.fault;
        [sent, received] = [0, 0];
        next.begun();
        if (fault.kind === 'answer') client.end(fault.response);
      }
      if (fault?.kind === 'stall' || fault?.kind === 'answer') return;
      if (fault?.kind === 'corrupt') flipBit(data, fault.atByte - sent);
      sent += data.length;
      if (!server.write(data)) client.pause();
    });
    server.on('drain', () => client.resume());

    server.on('data', (data) => {
      if (fault?.kind === 'loseAnswer') {
        resetSocket(client);
        return;
      }
      const limit = fault?.kind === 'cut' ? fault.afterBytes : Number.POSITIVE_INFINITY;
      if (fault?.kind === 'corruptAnswer') flipBit(data, fault.atByte - received);
      received += data.length;
      if (received > limit && fault?.kind === 'cut') {
        server.destroy();
        if (fault.how === 'reset') resetSocket(client);
        else client.end(data.subarray(0, data.length - (received - limit)));
        return;
      }
      const isFull = !client.write(data);
      if (fault?.kind === 'slow') {
        server.pause();
        setTimeout(() => server.resume(), (data.length * 1_000) / fault.bytesPerSecond);
      } else if (isFull) {
        server.pause();
      }
    });
    client.on('drain', () => {
      if (fault?.kind !== 'slow') server.resume();
    });
  };
  const server = tls ? createTlsServer({ cert: tls.certificate, key: tls.key }, serve) : createTcpServer(serve);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const endpoint = new URL(upstream);
  endpoint.port = String((server.address() as AddressInfo).port);
  return {
    endpoint: endpoint.href.replace(/\/$/, ''),
    spoilNext: (fault) => new Promise((begun) => planned.push({ fault, begun })),
    connections: () => clients.size,
    async close() {
      if (!server.listening) return;
      server.close();
      for (const client of clients) client.destroy();
      await once(server, 'close');
    },
  };
}

function flipBit(data: Buffer, offset: number): void {
  if (offset >= 0 && offset < data.length) data[offset] = (data[offset] as number) ^ 1;
}
