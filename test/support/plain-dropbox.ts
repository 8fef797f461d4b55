import { setTimeout as delay } from 'node:timers/promises';
import { sha256 } from './clouds.ts';

/** How often a request is repeated that meets a write of the product, which Dropbox refuses with 429. */
const maxTries = 100;

interface Listing {
  entries: { '.tag': string; path_display: string }[];
  cursor: string;
  has_more: boolean;
}

/** Dropbox's HTTP interface by hand, with a grant of its own. */
export async function plainDropbox(endpoint: string, appKey: string, refreshToken: string) {
  const grant = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: appKey });
  const granted = await fetch(`${endpoint}/oauth2/token`, { method: 'POST', body: grant });
  const { access_token: token } = (await granted.json()) as { access_token: string };

  /** `null`: the path is not there. */
  const call = async (route: string, argument: object, body?: Buffer): Promise<Response | null> => {
    const isContent = body !== undefined || route === 'files/download';
    // Headers hold ASCII, and so does JSON that escapes the rest.
    const json = JSON.stringify(argument).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (isContent) headers['dropbox-api-arg'] = json;
    if (body !== undefined) headers['content-type'] = 'application/octet-stream';
    if (!isContent) headers['content-type'] = 'application/json';
    for (let tries = 1; ; tries++) {
      const response = await fetch(`${endpoint}/2/${route}`, {
        method: 'POST',
        headers,
        body: isContent ? (body === undefined ? null : new Uint8Array(body)) : json,
      });
      if (response.ok) return response;
      const told = await response.text();
      if (response.status === 409 && told.includes('not_found')) return null;
      if (response.status !== 429 || tries === maxTries) throw new Error(`Dropbox refused ${route}: ${told}`);
      await delay(20);
    }
  };
  const pathOf = (key: string) => `/${key}`;
  /** What lies below a prefix, folders with a slash behind their names; nothing where the folder is not there. */
  const list = async (prefix: string) => {
    const folder = pathOf(prefix).replace(/\/$/, '');
    const found: { path: string; name: string }[] = [];
    let answer = await call('files/list_folder', { path: folder, recursive: true });
    while (answer !== null) {
      const { entries, cursor, has_more } = (await answer.json()) as Listing;
      for (const { '.tag': tag, path_display: path } of entries) {
        if (path !== folder) found.push({ path, name: path.slice(folder.length + 1) + (tag === 'folder' ? '/' : '') });
      }
      answer = has_more ? await call('files/list_folder/continue', { cursor }) : null;
    }
    return found;
  };
  return {
    put: (key: string, body: Buffer) => call('files/upload', { path: pathOf(key), mode: 'overwrite' }, body),
    async hashes(prefix: string) {
      const found: Record<string, string> = {};
      for (const { path, name } of await list(prefix)) {
        if (name.endsWith('/')) continue;
        const file = await call('files/download', { path });
        // Gone since it was listed: the product sweeps hidden files at any time.
        if (file === null) continue;
        found[name] = sha256(new Uint8Array(await file.arrayBuffer()));
      }
      return found;
    },
    /** Names of all folders below a prefix, with a slash behind. */
    async folders(prefix: string) {
      return (await list(prefix)).map(({ name }) => name).filter((name) => name.endsWith('/'));
    },
    async clear(prefix: string) {
      await call('files/delete_v2', { path: pathOf(prefix).replace(/\/$/, '') });
    },
  };
}
