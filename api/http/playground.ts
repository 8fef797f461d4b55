import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { playgroundTabs } from './playground-tabs.ts';
import { contentSecurityPolicy } from './security-headers.ts';

interface Page {
  html: Buffer;
  gzipped: Buffer;
  etag: string;
  policy: string;
}

let page: Promise<Page> | undefined;

/**
 * GraphiQL animates tabs to their place and hides that until a tab has the focus. With tabs from the start the animation
 * never ends: a tab would fly off under the pointer that presses it, and the click would be lost.
 */
const tabsStayInPlace = '.graphiql-tab { transform: none !important; }';

/**
 * GraphiQL with example operations in its tabs, subscriptions over WebSocket included. Everything it needs is in the
 * page: it works without any other server. Made on first use and kept, as it is some megabytes.
 */
async function build(): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const text = renderGraphiQL({
    title: 'Skyferry API',
    subscriptionsProtocol: 'WS',
    defaultTabs: playgroundTabs,
    credentials: 'same-origin',
    shouldPersistHeaders: false,
  });
  const html = Buffer.from(text.replace('</head>', `<style>${tabsStayInPlace}</style></head>`));
  const [, script = ''] = /<script>([\s\S]*)<\/script>\s*<\/body>/.exec(text) ?? [];
  const scriptHash = createHash('sha256').update(script).digest('base64');
  return {
    html,
    gzipped: await promisify(gzip)(html),
    etag: `"${createHash('sha256').update(html).digest('base64url')}"`,
    // The editor runs its language services in workers that the page makes itself.
    policy: contentSecurityPolicy({ 'script-src': `'sha256-${scriptHash}' blob:`, 'worker-src': 'blob:' }),
  };
}

/** Whether a request wants the page rather than an answer of the API. */
export function wantsPlayground(request: IncomingMessage): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
}

export async function sendPlayground(request: IncomingMessage, response: ServerResponse): Promise<void> {
  page ??= build();
  const { html, gzipped, etag, policy } = await page;
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('vary', 'accept, accept-encoding');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('content-security-policy', policy);
  if (/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
    response.setHeader('content-encoding', 'gzip');
    response.writeHead(200).end(gzipped);
  } else {
    response.writeHead(200).end(html);
  }
}
