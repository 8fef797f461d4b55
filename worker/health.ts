import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/**
 * /livez: the process runs. /readyz: 200 while it can do its work, 503 while something it needs is away or it shuts
 * down. /metrics: Prometheus. Rejects when the port is taken.
 */
export async function startHealthServer(options: {
  host: string;
  port: number;
  metrics: Registry;
  isReady(): Promise<boolean>;
}): Promise<HealthServer> {
  const answer = async (url: string | undefined, response: ServerResponse) => {
    switch (url) {
      case '/livez':
        return respond(response, 200, 'ok\n');
      case '/readyz':
        return (await options.isReady()) ? respond(response, 200, 'ok\n') : respond(response, 503, 'not ready\n');
      case '/metrics':
        return respond(response, 200, await options.metrics.metrics(), options.metrics.contentType);
      default:
        return respond(response, 404, 'not found\n');
    }
  };
  const server = createServer((request, response) => {
    answer(request.url, response).catch(() => respond(response, 503, 'not available\n'));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function respond(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
}
