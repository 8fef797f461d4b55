import { AppError } from '../../core/errors.ts';

export interface Endpoint {
  /** Scheme, host and port. */
  origin: string;
  /** Path below which the service answers, without a slash at its end; mostly ''. */
  basePath: string;
  /** Host and port, for messages. */
  host: string;
  /** Host without a port; IPv6 in brackets. */
  hostname: string;
}

/** Throws ENDPOINT_INVALID for what cannot be the address of a storage service. */
export function parseEndpoint(address: string): Endpoint {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new AppError('ENDPOINT_INVALID', 'The endpoint must be an address such as https://storage.example.com.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('ENDPOINT_INVALID', 'The endpoint must not hold a user name or password; give the keys apart.');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new AppError('ENDPOINT_INVALID', 'The endpoint must end with its path: remove what follows ? or #.');
  }
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    host: url.host,
    hostname: url.hostname,
  };
}

/** Percent-encodes a key for a URL's path: all but the unreserved characters of RFC 3986 and `/`. */
export function encodeKey(key: string): string {
  return encodeValue(key).replaceAll('%2F', '/');
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
export function encodeValue(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
