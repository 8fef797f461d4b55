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

interface Wire {
  client: Socket;
  isAsked: boolean;
  lastAt: number;
}

/** @param baseDelayMs Latency of the wire in each direction. */
export async function startLink(target: { port: number; host?: string }, baseDelayMs = 0): Promise<Link> {
  const wires = new Set<Wire>();
  let delayMs = baseDelayMs;
  let port = 0;

  const carry = (from: Socket, to: Socket, wire: Wire, isAsked: boolean) => {
    from.on('data', (data) => {
      wire.isAsked = isAsked;
      wire.lastAt = Date.now();
      const write = () => {
        if (to.destroyed || to.write(data)) from.resume();
        else to.once('drain', () => from.resume());
      };
      from.pause();
      if (delayMs > 0) setTimeout(write, delayMs);
      else write();
    });
    // What is still delayed arrives before the end does.
    from.on('end', () => setTimeout(() => to.end(), delayMs));
    from.on('error', () => to.destroy());
    from.on('close', () => setTimeout(() => to.destroySoon(), delayMs));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true });
    const wire = { client, isAsked: false, lastAt: 0 };
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
  return {
    get port() {
      return port;
    },
    inFlight: (clientPorts) =>
      [...wires].filter(
        ({ client, isAsked, lastAt }) =>
          (isAsked || Date.now() - lastAt < freshMs) &&
          (clientPorts === undefined || clientPorts.has(client.remotePort ?? 0)),
      ).length,
    cut,
    down,
    up: listen,
    delay: (ms) => {
      delayMs = baseDelayMs + ms;
    },
    close: down,
  };
}
