import type { ServerResponse } from 'node:http';

/** Headers of every answer. `secure`: the app is reached over https only. */
export function setSecurityHeaders(response: ServerResponse, secure: boolean): void {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'same-origin');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()');
  response.setHeader('x-frame-options', 'DENY');
  if (secure) response.setHeader('strict-transport-security', 'max-age=31536000');
}

/** What every page may do: load from here, talk to here, be framed by nobody. */
const basePolicy = {
  'default-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
  'object-src': "'none'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  // The component libraries of the app and of the playground set styles on elements.
  'style-src': "'self' 'unsafe-inline'",
};

/** Content-Security-Policy of a page, with what it needs beyond the rest. */
export function contentSecurityPolicy(more: Record<string, string> = {}): string {
  return Object.entries({ ...basePolicy, ...more })
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
