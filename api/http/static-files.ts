import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';
import { contentSecurityPolicy } from './security-headers.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export function isBuiltClient(directory: string): boolean {
  return existsSync(join(directory, 'index.html'));
}

/**
 * Serves the built client; unknown paths get its index.html, because the app has its own routes. Files under /assets/
 * have a hash in their name and never change.
 */
export function createStaticFiles(directory: string): Handler {
  const policy = contentSecurityPolicy();
  let serve: Handler | undefined;

  function open(): Handler {
    return sirv(directory, {
      etag: true,
      single: true,
      gzip: true,
      brotli: true,
      setHeaders(response, pathname) {
        const hashed = pathname.startsWith('/assets/');
        response.setHeader('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
        response.setHeader('content-security-policy', policy);
      },
      onNoMatch: (_request, response) => notFound(response, 'There is nothing here.\n'),
    });
  }

  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', 'content-type': 'text/plain; charset=utf-8' });
      response.end('Only GET and HEAD work here. The API is at /graphql.\n');
      return;
    }
    if (serve === undefined && isBuiltClient(directory)) serve = open();
    if (serve === undefined) {
      notFound(response, 'The app is not built: `npm start` builds it. The API works at /graphql.\n');
      return;
    }
    serve(request, response);
  };
}

function notFound(response: ServerResponse, text: string): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}
