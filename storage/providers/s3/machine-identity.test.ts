import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type S3Server, startS3Server } from '../../../emulators/s3/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { createHttpClient } from '../../http.ts';
import { parseEndpoint } from '../endpoint.ts';
import { openS3 } from '../s3.ts';
import { S3Rest } from './rest.ts';
import { callSdk, createS3Client, keysOf } from './sdk.ts';
import { createSigner } from './signer.ts';

const machine = { accessKeyId: 'ASIAMACHINE', secretAccessKey: 'SK', sessionToken: 'token/of+the=role' };
const { signal } = new AbortController();
let server: S3Server;
let identity: Server;
let answer: () => object | undefined;
let asked: number;

beforeEach(async () => {
  server = await startS3Server({ credentials: [machine], buckets: ['bucket'] });
  asked = 0;
  // The endpoint that containers and pods read their role's credentials from (SDK reference: container credential provider).
  identity = createServer((_request, response) => {
    asked += 1;
    const found = answer();
    if (found !== undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  });
  identity.listen(0, '127.0.0.1');
  await once(identity, 'listening');
  const address = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/`;
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', address);
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE']) {
    vi.stubEnv(name, undefined);
  }
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null');
  answer = () => ({
    AccessKeyId: machine.accessKeyId,
    SecretAccessKey: machine.secretAccessKey,
    Token: machine.sessionToken,
    Expiration: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, ''),
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  identity.closeAllConnections();
  identity.close();
  await server.close();
});

const credentials = { provider: 's3', addressing: 'path', region: 'us-east-1', useMachineIdentity: true } as const;
const addressPolicy = createAddressPolicy(['127.0.0.1']);

function open(machineIdentity: boolean) {
  return openS3(credentials, { addressPolicy, operator: { machineIdentity } });
}

describe('the identity of the machine', () => {
  it('signs what the SDK sends and what goes past it, asked for once', async () => {
    // The provider's own parts, but for the address: the identity opens no store but Amazon's.
    const http = createHttpClient(addressPolicy);
    const address = { endpoint: parseEndpoint(server.endpoint), isAws: false, pathStyle: true };
    const client = createS3Client(credentials, address, http);
    const rest = new S3Rest(http, address, createSigner(credentials.region, keysOf(client)), {});
    const { Buckets } = await callSdk(signal, () => client.send(new ListBucketsCommand(), { abortSignal: signal }));
    expect(Buckets).toMatchObject([{ Name: 'bucket' }]);
    await expect(rest.send({ method: 'HEAD', bucket: 'bucket', key: 'none', signal })).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
    });
    expect(await keysOf(client)()).toMatchObject(machine);
    expect(asked).toBe(1);
    await http.close();
  });

  it('may be a web identity, whose token AWS exchanges for keys (AssumeRoleWithWebIdentity)', async () => {
    const asked: URLSearchParams[] = [];
    const issuer = createServer(async (request, response) => {
      asked.push(new URLSearchParams(await text(request)));
      const keys = `<AccessKeyId>${machine.accessKeyId}</AccessKeyId><SecretAccessKey>${machine.secretAccessKey}</SecretAccessKey><SessionToken>${machine.sessionToken}</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>`;
      const result = `<AssumeRoleWithWebIdentityResult><Credentials>${keys}</Credentials></AssumeRoleWithWebIdentityResult>`;
      response
        .writeHead(200, { 'content-type': 'text/xml' })
        .end(
          `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`,
        );
    });
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    onTestFinished(() => void issuer.close());
    const directory = await mkdtemp(join(tmpdir(), 'skyferry-identity-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'token'), 'a token of the cluster');
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', undefined);
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(directory, 'token'));
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/skyferry');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    const provider = open(true);
    const url = new URL(await provider.presign({ container: 'bucket', key: 'none', expiresInMs: 60_000 }, signal));
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^ASIAMACHINE\//);
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe(machine.sessionToken);
    expect(asked.map((form) => [form.get('Action'), form.get('WebIdentityToken')])).toEqual([
      ['AssumeRoleWithWebIdentity', 'a token of the cluster'],
    ]);
    await provider.close();
  });

  it('opens an account where the operator allows it, with URLs that live an hour', async () => {
    const provider = open(true);
    expect(provider.capabilities.presign).toEqual({ minExpiresMs: 1000, maxExpiresMs: 3_600_000 });
    const url = new URL(await provider.presign({ container: 'bucket', key: 'none', expiresInMs: 60_000 }, signal));
    expect(url.hostname).toBe('s3.us-east-1.amazonaws.com');
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe(machine.sessionToken);
    await provider.close();
  });

  it('is refused where the operator does not', () => {
    expect(() => open(false)).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
    expect(asked).toBe(0);
  });

  it.each(['https://store.example', 'https://s3.eu-west-1.amazonaws.com', 'https://x.vpce-svc-1.vpce.amazonaws.com'])(
    'is refused together with an address that a user chose: %s',
    (endpoint) => {
      const opening = () =>
        openS3({ ...credentials, endpoint }, { addressPolicy, operator: { machineIdentity: true } });
      expect(opening).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
      expect(asked).toBe(0);
    },
  );

  it('says that there is none', async () => {
    answer = () => ({});
    const provider = open(true);
    await expect(provider.check(signal)).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
    await expect(provider.list({ container: 'bucket', prefix: '' }, signal)).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
    });
    await provider.close();
  });

  it('is not waited for by a call that was aborted', async () => {
    answer = () => undefined;
    const provider = open(true);
    const controller = new AbortController();
    const reached = once(identity, 'request');
    const reading = provider.list({ container: 'bucket', prefix: '' }, controller.signal);
    const checking = provider.check(controller.signal);
    const ended = Promise.all(
      [reading, checking].map((call) => expect(call).rejects.toMatchObject({ code: 'CANCELLED' })),
    );
    await reached;
    controller.abort();
    await ended;
    await provider.close();
  });
});
