import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { createAddressPolicy } from '../address-policy.ts';
import type { Credentials } from '../credentials.ts';
import { streamBody } from '../digest.ts';
import type { UploadBody } from '../provider.ts';
import { openProvider } from '../registry.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  type CurrentLocal,
  container,
  expectBytes,
  expectCode,
  freshKey,
  get,
  type Locally,
  never,
  noMetadata,
  put,
} from './fixture.ts';
import { begin, isThere } from './uploads.ts';

export function refusals(current: Current, locally: Locally): void {
  locally('wrong credentials', wrongCredentials);
  locally('credentials that may not', deniedCredentials);

  it.each(['no-such-container', 'Not/A%Name', 'x@127.0.0.1', '..', ''])(
    'tells that there is no container %j',
    async (given) => {
      const { provider, capabilities, isOwn } = current();
      // Names are shared by everybody at some clouds: this one is nobody's.
      const name = given === 'no-such-container' ? `${given}-${randomUUID().slice(0, 8)}` : given;
      const expectNone = (promise: Promise<unknown>) =>
        // Who may use one container only may not be told which others there are.
        expectCode(promise, 'CONTAINER_NOT_FOUND', ...(isOwn ? [] : ['PERMISSION_DENIED' as const]));
      const location = { container: name, key: 'key' };
      const metadata = noMetadata;
      await expectNone(provider.list({ container: name, prefix: '' }, never()));
      await expectNone(provider.stat(location, never()));
      await expectNone(provider.read(location, never()));
      const body = bodyOf(bytesOf(10), capabilities);
      await expectNone(provider.write({ ...location, body, metadata }, never()));
      const uploading = provider
        .beginUpload({ ...location, sizeBytes: 10, metadata }, never())
        .then((session) =>
          provider.putPart({ session, partNumber: 1, offset: 0, body: bodyOf(bytesOf(10), capabilities) }, never()),
        );
      await expectNone(uploading);
      await expectNone(provider.deleteObjects({ container: name, keys: ['key'] }, never()));
    },
  );

  it('asks whether an object may be written, and leaves everything as it was', async () => {
    const session = current();
    const { provider } = session;
    const [key, fresh] = [freshKey('may write'), freshKey('may write')];
    await put(session, key, bytesOf(10));
    await provider.assertWritable({ container, key }, never());
    await provider.assertWritable({ container, key: fresh }, never());
    expectBytes(await get(session, key), bytesOf(10));
    expect(await isThere(session, fresh)).toBe(false);
    await expectCode(provider.assertWritable({ container, key }, AbortSignal.abort()), 'CANCELLED');
  });

  it('closes the source of a body that it refuses', async () => {
    const session = current();
    const { provider, capabilities } = session;
    const upload = await begin(session, freshKey('refused'), 10);
    await provider.abortUpload(upload, never());
    const location = { container, key: freshKey('refused') };
    const tooLarge = capabilities.write.singleMaxBytes + 1;
    const writes: Record<string, (body: UploadBody) => Promise<unknown>> = {
      'a name that is too long': (body) =>
        provider.write({ container, key: 'x'.repeat(10_000), body, metadata: noMetadata }, never()),
      'no container': (body) => provider.write({ container: '..', key: 'x', body, metadata: noMetadata }, never()),
      'a size that is too large': (body) =>
        provider.write({ ...location, body: { ...body, sizeBytes: tooLarge }, metadata: noMetadata }, never()),
      'an abort before': (body) => provider.write({ ...location, body, metadata: noMetadata }, AbortSignal.abort()),
      'a part after an abort': (body) =>
        provider.putPart({ session: upload, partNumber: 1, offset: 0, body }, AbortSignal.abort()),
    };
    for (const [name, write] of Object.entries(writes)) {
      const inner = new Readable({ read() {} });
      const streaming = streamBody(inner, 10, []);
      const { digestTiming } = capabilities.write;
      await expect(
        write(digestTiming === 'before' ? { ...streaming, digest: () => '0'.repeat(32) } : streaming),
        name,
      ).rejects.toBeInstanceOf(AppError);
      expect(inner.destroyed, name).toBe(true);
    }
  });

  it('tells that there is no object', async () => {
    const { provider } = current();
    const location = { container, key: 'no such object' };
    await expectCode(provider.stat(location, never()), 'OBJECT_NOT_FOUND');
    await expectCode(provider.read(location, never()), 'OBJECT_NOT_FOUND');
    const pinned = await provider.read({ ...location, pin: { etag: '"x"' } }, never()).catch((error) => error);
    expect(['OBJECT_NOT_FOUND', 'OBJECT_CHANGED']).toContain(pinned.code);
  });

  it('knows of no parts of an upload that was aborted', async () => {
    const session = current();
    const upload = await begin(session, freshKey('aborted'), 10);
    await session.provider.abortUpload(upload, never());
    const parts = await session.provider.listParts(upload, never()).catch((error) => error);
    if (!session.capabilities.write.listsParts) expect(parts).toMatchObject({ code: 'NOT_SUPPORTED' });
    else if (!Array.isArray(parts)) expect(parts).toMatchObject({ code: 'UPLOAD_EXPIRED', retry: 'restart' });
    else expect(parts).toEqual([]);
  });

  locally('endpoints that are none, lead elsewhere or are private', (current) =>
    describe('of endpoints', () => endpoints(current)),
  );
}

/** What of the credentials must not be told, in each form that it could be told in. */
function secretsOf(credentials: Credentials): string[] {
  const secrets: string[] = [];
  for (const [name, value] of Object.entries(credentials)) {
    if (typeof value !== 'string') continue;
    if (name === 'sasToken') {
      const [, signature = value] = /sig=([^&]+)/.exec(value) ?? [];
      secrets.push(signature, decodeURIComponent(signature));
    } else if (name === 'serviceAccountKey') {
      // Whole, and each line of the key: how its line breaks would be told is open.
      const { private_key: key } = JSON.parse(value) as { private_key: string };
      secrets.push(value, ...key.split('\n').filter((line) => line !== '' && !line.startsWith('-----')));
    } else if (secretFields.includes(name)) secrets.push(value);
  }
  expect(secrets).not.toEqual([]);
  return secrets;
}

const secretFields = ['secretAccessKey', 'sessionToken', 'accountKey', 'clientSecret', 'refreshToken'];

function wrongCredentials(current: CurrentLocal): void {
  it('tells wrong credentials', async () => {
    const session = current();
    const credentials = session.fixture.wrongCredentials(session.proxy.endpoint);
    const provider = session.open({ credentials });
    await expectCode(provider.check(never()), 'CREDENTIALS_INVALID');
    await expectCode(provider.list({ container, prefix: '' }, never()), 'CREDENTIALS_INVALID');
    await expectCode(provider.read({ container, key: 'x' }, never()), 'CREDENTIALS_INVALID');
    const body = bodyOf(bytesOf(10), session.capabilities);
    await expectCode(
      provider.write({ container, key: 'x', body, metadata: noMetadata }, never()),
      'CREDENTIALS_INVALID',
    );
    const error = await expectCode(provider.listContainers({}, never()), 'CREDENTIALS_INVALID');
    expect(error.retry).toBe('never');
    // Causes are logged: they hold neither the secret nor a signature that could be replayed.
    const told = inspect(error, { depth: 12 }) + JSON.stringify([error, error.cause]);
    for (const secret of secretsOf(credentials)) expect(told).not.toContain(secret);
    expect(told).not.toMatch(/Signature=|SharedKey \w/);
  });
}

function deniedCredentials(current: CurrentLocal): void {
  it('tells what they are not permitted, and leaves everything as it was', async () => {
    const session = current();
    const [key, fresh] = [freshKey('denied'), freshKey('denied')];
    const { version } = await put(session, key, bytesOf(10));
    const { fixture, endpoint, capabilities } = session;
    const provider = session.open({ credentials: fixture.deniedCredentials(endpoint), capabilities });
    const body = () => bodyOf(bytesOf(11), capabilities);
    const at = { container, metadata: noMetadata };
    const upload = async () => {
      const begun = await provider.beginUpload({ ...at, key: fresh, sizeBytes: 11 }, never());
      await provider.putPart({ session: begun, partNumber: 1, offset: 0, body: body() }, never());
    };
    const calls: Record<string, () => Promise<unknown>> = {
      list: () => provider.list({ container, prefix: '' }, never()),
      stat: () => provider.stat({ container, key }, never()),
      read: () => provider.read({ container, key }, never()),
      'read of a version': () => provider.read({ container, key, pin: version }, never()),
      write: () => provider.write({ ...at, key, body: body() }, never()),
      assertWritable: () => provider.assertWritable({ container, key: fresh }, never()),
      upload,
      createFolder: () => provider.createFolder({ container, key: `${fresh}/` }, never()),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await call().catch((reason: unknown) => reason);
      expect(error, name).toMatchObject({ name: 'AppError', code: 'PERMISSION_DENIED', retry: 'never' });
    }
    const deletion = await provider.deleteObjects({ container, keys: [key] }, never()).catch((reason) => reason);
    expect(deletion instanceof AppError ? deletion : deletion.failed[0]).toMatchObject({ code: 'PERMISSION_DENIED' });
    expectBytes(await get(session, key), bytesOf(10));
    expect(await isThere(session, fresh)).toBe(false);
  });
}

function endpoints(current: CurrentLocal): void {
  const answers = {
    'a web page': 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>hi</html>',
    'a web page that is not found':
      'HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>',
    'nothing that is found': 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
    'no HTTP at all': 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n',
    'an empty answer': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  };
  it.each(Object.entries(answers))('tells an endpoint that is %s', async (_what, response) => {
    const session = current();
    for (const call of ['check', 'listContainers'] as const) {
      const provider = session.open({ proxied: true });
      const spoiled = session.proxy.spoilNext({ kind: 'answer', response });
      const calling = call === 'check' ? provider.check(never()) : provider.listContainers({}, never());
      await expectCode(calling, 'ENDPOINT_INVALID');
      await spoiled;
    }
  });

  it('follows no redirect', async () => {
    const session = current();
    let asked = 0;
    const elsewhere = createServer((socket) => {
      asked += 1;
      socket.destroy();
    });
    elsewhere.listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    const provider = session.open({ proxied: true });
    for (const status of ['301 Moved Permanently', '302 Found', '307 Temporary Redirect', '308 Permanent Redirect']) {
      for (const call of ['list', 'stat', 'listContainers'] as const) {
        const response = `HTTP/1.1 ${status}\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
        const spoiled = session.proxy.spoilNext({ kind: 'answer', response });
        const calling = {
          list: () => provider.list({ container, prefix: '' }, never()),
          stat: () => provider.stat({ container, key: 'x' }, never()),
          listContainers: () => provider.listContainers({}, never()),
        }[call]();
        await expectCode(calling, 'ENDPOINT_INVALID');
        await spoiled;
      }
    }
    elsewhere.close();
    expect(asked).toBe(0);
  });

  it('tells an endpoint where nothing listens, and a name that does not exist', async () => {
    const session = current();
    const idle = createServer().listen(0, '127.0.0.1');
    await once(idle, 'listening');
    const { port } = idle.address() as AddressInfo;
    idle.close();
    await once(idle, 'close');
    for (const endpoint of [`http://127.0.0.1:${port}`, 'http://no-such-host.invalid']) {
      const provider = session.open({ credentials: session.fixture.credentials(endpoint) });
      await expectCode(provider.check(never()), 'ENDPOINT_UNREACHABLE');
    }
  });

  it('connects to no private address unless the operator allows it', async () => {
    const session = current();
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const hosts = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '0177.0.0.1', '127.1'];
    for (const host of hosts) {
      const endpoint = `http://${host}:${port}`;
      const provider = openProvider(session.fixture.credentials(endpoint), {
        addressPolicy: createAddressPolicy([]),
        capabilities: session.capabilities,
        operator: session.fixture.operator?.(endpoint),
      });
      await expectCode(provider.check(never()), 'ADDRESS_NOT_ALLOWED');
      await expectCode(provider.stat({ container, key: 'x' }, never()), 'ADDRESS_NOT_ALLOWED');
      const body = bodyOf(bytesOf(10), session.capabilities);
      const writing = provider.write({ container, key: 'x', body, metadata: noMetadata }, never());
      await expectCode(writing, 'ADDRESS_NOT_ALLOWED');
      await provider.close();
    }
    server.close();
    expect(connections).toBe(0);
  });

  it.each([
    'http://user:secret@127.0.0.1',
    'http://127.0.0.1/?a=b',
    'http://127.0.0.1/#a',
    'ftp://127.0.0.1',
    'nothing',
  ])('refuses %s', (endpoint) => {
    const session = current();
    expect(() => session.open({ credentials: session.fixture.credentials(endpoint) })).toThrow(
      expect.objectContaining({ code: 'ENDPOINT_INVALID', message: expect.not.stringContaining('secret@') }),
    );
  });
}
