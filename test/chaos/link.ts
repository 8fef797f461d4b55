import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The wire between the product and one server. It shows what is under way on it, and can be cut, slowed and taken away. */
export interface Link {
  port: number;
  /**
   * Connections with work under way: the client has asked and waits, or bytes went by in the last 100 ms. `clientPorts`:
   * of these connections alone.
   */
  inFlight(clientPorts?: ReadonlySet<number>): number;
  /** Ports, as the server sees them, of all connections, or of those from these ports of clients. */
  serverPorts(clientPorts?: ReadonlySet<number>): Set<number>;
  /** Resets every connection. */
  cut(): void;
  /** Resets every connection and refuses new ones until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Every piece of bytes waits so long from now on, in either direction. */
  delay(ms: number): void;
  close(): Promise<void>;
}

const freshMs = 100;
/** What is on its way in one direction of a connection. */
const windowBytes = 256 * 1024;

interface Wire {
  client: Socket;
  upstream: Socket;
  isAsked: boolean;
  lastAt: number;
}

/** @param baseDelayMs Latency of the wire in each direction. */
export async function startLink(target: { port: number; host?: string }, baseDelayMs = 0): Promise<Link> {
  const wires = new Set<Wire>();
  let delayMs = baseDelayMs;
  let port = 0;

  const carry = (from: Socket, to: Socket, wire: Wire, isAsked: boolean) => {
    const queue: { due: number; data: Buffer }[] = [];
    let [queuedBytes, isFull, hasEnded, isClosed] = [0, false, false, false];
    let timer: NodeJS.Timeout | undefined;
    const pump = () => {
      clearTimeout(timer);
      // It never drains, and whoever sends learns of its end by the other direction.
      if (to.destroyed) return;
      for (let head = queue[0]; head && !isFull && head.due <= Date.now(); head = queue[0]) {
        queue.shift();
        queuedBytes -= head.data.length;
        if (!to.write(head.data)) {
          isFull = true;
          to.once('drain', () => {
            isFull = false;
            pump();
          });
        }
      }
      if (queuedBytes < windowBytes) from.resume();
      // What is still under way arrives before the end does.
      if (queue[0]) timer = setTimeout(pump, Math.max(1, queue[0].due - Date.now()));
      else if (isClosed) to.destroySoon();
      else if (hasEnded) to.end();
    };
    from.on('data', (data) => {
      wire.isAsked = isAsked;
      wire.lastAt = Date.now();
      queue.push({ due: Date.now() + delayMs, data });
      queuedBytes += data.length;
      if (queuedBytes >= windowBytes) from.pause();
      if (!isFull) pump();
    });
    from.on('end', () => {
      hasEnded = true;
      pump();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      isClosed = true;
      pump();
    });
    to.on('close', () => clearTimeout(timer));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true });
    const wire = { client, upstream, isAsked: false, lastAt: 0 };
    wires.add(wire);
    client.on('close', () => wires.delete(wire));
    carry(client, upstream, wire, true);
    carry(upstream, client, wire, false);
  });
  const listen = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const cut = () => {
    for (const { client } of wires) client.resetAndDestroy();
  };
  const down = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  await listen();
  const from = (clientPorts: ReadonlySet<number> | undefined) =>
    [...wires].filter(({ client }) => clientPorts === undefined || clientPorts.has(client.remotePort ?? 0));
  return {
    get port() {
      return port;
    },
    inFlight: (clientPorts) =>
      from(clientPorts).filter(({ isAsked, lastAt }) => isAsked || Date.now() - lastAt < freshMs).length,
    serverPorts: (clientPorts) => new Set(from(clientPorts).map(({ upstream }) => upstream.localPort ?? 0)),
    cut,
    down,
    up: listen,
    delay: (ms) => {
      delayMs = baseDelayMs + ms;
    },
    close: down,
  };
}
