import { APP } from '../../emulators/gcs/testing/support.ts';
import { sha256 } from '../support/clouds.ts';
import type { PlainClient } from './clouds.ts';

/** Tokens are good for an hour. */
const tokenMs = 30 * 60_000;

interface Listing {
  items?: { name: string }[];
  nextPageToken?: string;
}

/** Google's JSON interface by hand. */
export function plainGcs(endpoint: string, bucket: string): PlainClient {
  let token: { text: Promise<string>; at: number } | null = null;
  const signIn = async () => {
    const { clientId: client_id, clientSecret: client_secret, grants } = APP;
    const [refresh_token = ''] = Object.keys(grants);
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id, client_secret, refresh_token });
    const answer = await fetch(`${endpoint}/token`, { method: 'POST', body });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  const call = async (path: string, method = 'GET', body?: Buffer): Promise<Response> => {
    if (token === null || Date.now() - token.at > tokenMs) token = { text: signIn(), at: Date.now() };
    const headers = { authorization: `Bearer ${await token.text}` };
    const init = body === undefined ? { method, headers } : { method, headers, body: new Uint8Array(body) };
    const response = await fetch(endpoint + path, init);
    if (!response.ok) throw new Error(`Google refused ${method} ${path}: ${await response.text()}`);
    return response;
  };
  const objects = `/storage/v1/b/${bucket}/o`;
  const pathOf = (name: string) => `${objects}/${encodeURIComponent(name)}`;
  const list = async (prefix: string) => {
    const names: string[] = [];
    let page: Listing = {};
    do {
      const more = page.nextPageToken === undefined ? '' : `&pageToken=${encodeURIComponent(page.nextPageToken)}`;
      page = (await (await call(`${objects}?prefix=${encodeURIComponent(prefix)}${more}`)).json()) as Listing;
      names.push(...(page.items ?? []).map(({ name }) => name));
    } while (page.nextPageToken !== undefined);
    return names;
  };
  return {
    put: (key, body) => call(`/upload${objects}?uploadType=media&name=${encodeURIComponent(key)}`, 'POST', body),
    async hashes(prefix) {
      const found: Record<string, string> = {};
      for (const name of await list(prefix)) {
        const answer = await call(`${pathOf(name)}?alt=media`);
        found[name.slice(prefix.length)] = sha256(new Uint8Array(await answer.arrayBuffer()));
      }
      return found;
    },
    async clear(prefix) {
      for (const name of await list(prefix)) await call(pathOf(name), 'DELETE');
    },
  };
}
