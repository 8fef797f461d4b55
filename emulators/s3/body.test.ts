import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failure, presignedPath, sdkClient, signedRequest, startTestServer } from './testing/support.ts';

type Server = Awaited<ReturnType<typeof startTestServer>>;

async function isStored(server: Server): Promise<boolean> {
  const { status } = await failure(sdkClient(server).send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'k' }))).catch(
    () => ({ status: 200 }),
  );
  return status === 200;
}

/** A PUT whose body waits for `100 Continue`. */
async function putWithExpect(server: Server, path: string, headers: Record<string, string | number>, body: string) {
  // Without an agent that keeps connections the client itself would ask for their end.
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const request = httpRequest({
    port: server.port,
    host: '127.0.0.1',
    agent,
    method: 'PUT',
    path: await presignedPath(server, { method: 'PUT', path }),
    headers: { expect: '100-continue', ...headers },
  });
  let isContinued = false;
  request.on('continue', () => {
    isContinued = true;
    request.end(body);
  });
  request.flushHeaders();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  request.destroy();
  return { isContinued, status: response.statusCode, connection: response.headers.connection };
}

describe('bodies over HTTP', () => {
  it('asks for the body only when it is wanted (RFC 9110, section 10.1.1: Expect)', async () => {
    const server = await startTestServer();
    const headers = { 'content-length': 7 };
    const good = await putWithExpect(server, '/bucket/k', headers, 'content');
    expect(good).toEqual({ isContinued: true, status: 200, connection: 'keep-alive' });
    const missing = await putWithExpect(server, '/nobucket/k', headers, 'content');
    expect(missing).toEqual({ isContinued: false, status: 404, connection: 'close' });
    const condition = await putWithExpect(server, '/bucket/k', { ...headers, 'if-none-match': '*' }, 'content');
    expect(condition).toMatchObject({ isContinued: false, status: 412 });
  });

  it('refuses more than 5 GiB before a byte is sent (API_PutObject, ErrorResponses: EntityTooLarge)', async () => {
    const server = await startTestServer();
    const put = await putWithExpect(server, '/bucket/k', { 'content-length': 5 * 1024 ** 3 + 1 }, '');
    expect(put).toMatchObject({ isContinued: false, status: 400 });
  });

  it('needs to know the length (ErrorResponses: MissingContentLength)', async () => {
    const server = await startTestServer();
    const headers = { 'transfer-encoding': 'chunked' };
    const put = await signedRequest(server, { method: 'PUT', path: '/bucket/k', headers, body: 'content' });
    expect(put).toMatchObject({ status: 411, code: 'MissingContentLength' });
    expect(await isStored(server)).toBe(false);
  });

  it.each([6, 8])(
    'refuses seven bytes that are announced as %i (ErrorResponses: IncompleteBody)',
    async (announced) => {
      const server = await startTestServer();
      const put = await signedRequest(server, {
        method: 'PUT',
        path: '/bucket/k',
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: { 'x-amz-decoded-content-length': String(announced) },
        body: '7\r\ncontent\r\n0\r\n\r\n',
      });
      expect(put).toMatchObject({ status: 400, code: 'IncompleteBody' });
      expect(await isStored(server)).toBe(false);
    },
  );

  it('stores nothing when the client goes away in the middle (API_PutObject)', async () => {
    const server = await startTestServer();
    const path = await presignedPath(server, { method: 'PUT', path: '/bucket/k' });
    const request = httpRequest({
      port: server.port,
      host: '127.0.0.1',
      agent: false,
      method: 'PUT',
      path,
      headers: { 'content-length': 10 },
    });
    request.on('error', () => {});
    const arrived = server.observer.waitFor({ operation: 'PutObject' });
    const finished = server.observer.waitFor({ operation: 'PutObject' }, { event: 'finished' });
    request.write('half');
    await arrived;
    request.destroy();
    expect((await finished).status).toBeUndefined();
    expect(await isStored(server)).toBe(false);
  });

  it('keeps the connection after a refused upload, whose body was read and dropped', async () => {
    const server = await startTestServer();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const put = async (path: string) => {
      const request = httpRequest({
        port: server.port,
        host: '127.0.0.1',
        agent,
        method: 'PUT',
        path: await presignedPath(server, { method: 'PUT', path }),
      });
      request.end(Buffer.alloc(1_000_000));
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return { status: response.statusCode, isReused: request.reusedSocket };
    };
    expect(await put('/nobucket/k')).toEqual({ status: 404, isReused: false });
    expect(await put('/bucket/k')).toEqual({ status: 200, isReused: true });
    expect(await put('/nobucket/k')).toEqual({ status: 404, isReused: true });
  });
});
