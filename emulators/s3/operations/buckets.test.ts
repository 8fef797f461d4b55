import { Agent } from 'node:http';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  failure,
  rawRequest,
  STORES,
  sdkClient,
  signer,
  startTestServer,
  startWithClient,
} from '../testing/support.ts';

describe.each(STORES)('buckets in %s', (store) => {
  it('lists buckets by name, in pages and by prefix (API_ListBuckets)', async () => {
    const { client } = await startWithClient({ store, buckets: ['c-1', 'a-1', 'b-1', 'a-2'] });
    const names = async (input: object = {}) => {
      const { Buckets, ContinuationToken } = await client.send(new ListBucketsCommand(input));
      return { names: Buckets?.map(({ Name }) => Name), token: ContinuationToken };
    };
    expect(await names()).toEqual({ names: ['a-1', 'a-2', 'b-1', 'c-1'], token: undefined });
    const first = await names({ MaxBuckets: 3 });
    expect(first.names).toEqual(['a-1', 'a-2', 'b-1']);
    expect(await names({ MaxBuckets: 3, ContinuationToken: first.token })).toEqual({
      names: ['c-1'],
      token: undefined,
    });
    expect((await names({ Prefix: 'a-' })).names).toEqual(['a-1', 'a-2']);
  });

  it('creates a bucket and finds it (API_CreateBucket, API_HeadBucket)', async () => {
    const { client } = await startWithClient({ store });
    expect(await failure(client.send(new HeadBucketCommand({ Bucket: 'new-bucket' })))).toMatchObject({ status: 404 });
    const created = await client.send(new CreateBucketCommand({ Bucket: 'new-bucket' }));
    expect(created.Location).toBe('/new-bucket');
    expect((await client.send(new HeadBucketCommand({ Bucket: 'new-bucket' }))).BucketRegion).toBe('us-east-1');
  });

  it('in us-east-1 creating a bucket again changes nothing (API_CreateBucket: BucketAlreadyOwnedByYou)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: '' }));
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    expect((await client.send(new ListObjectsV2Command({ Bucket: 'bucket' }))).KeyCount).toBe(1);
  });

  it('deletes only empty buckets (API_DeleteBucket)', async () => {
    const { client } = await startWithClient({ store });
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: '' }));
    const remove = () => client.send(new DeleteBucketCommand({ Bucket: 'bucket' }));
    expect(await failure(remove())).toMatchObject({ code: 'BucketNotEmpty', status: 409 });
    await client.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    await client.send(new CreateMultipartUploadCommand({ Bucket: 'bucket', Key: 'k' }));
    expect((await remove()).$metadata.httpStatusCode).toBe(204);
    expect(await failure(remove())).toMatchObject({ code: 'NoSuchBucket', status: 404 });
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }))).Uploads).toBeUndefined();
  });

  it('answers NoSuchBucket for operations in a bucket that does not exist (ErrorResponses)', async () => {
    const { client } = await startWithClient({ store });
    const put = await failure(client.send(new PutObjectCommand({ Bucket: 'nobucket', Key: 'k', Body: 'x' })));
    expect(put).toMatchObject({ code: 'NoSuchBucket', status: 404 });
    const list = await failure(client.send(new ListObjectsV2Command({ Bucket: 'nobucket' })));
    expect(list).toMatchObject({ code: 'NoSuchBucket', status: 404 });
  });
});

describe('bucket names and settings', () => {
  it.each(['ab', 'Upper', 'under_score', '-dash', 'dash-', 'a..b', '192.168.0.1', 'x'.repeat(64)])(
    'refuses the name %s (userguide: bucketnamingrules)',
    async (name) => {
      const server = await startTestServer();
      const signed = await signer().sign({
        method: 'PUT',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: `/${name}`,
        headers: { host: `127.0.0.1:${server.port}`, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      });
      const response = await rawRequest(server, { method: 'PUT', path: `/${name}`, headers: { ...signed.headers } });
      expect(response).toMatchObject({ status: 400, code: 'InvalidBucketName' });
    },
  );

  it('outside of us-east-1 a bucket needs its location, and creating it again fails (API_CreateBucket)', async () => {
    const { client } = await startWithClient({ region: 'eu-west-1' });
    const create = (region?: 'eu-west-1' | 'eu-west-2') =>
      client.send(
        new CreateBucketCommand({
          Bucket: 'new-bucket',
          ...(region === undefined ? {} : { CreateBucketConfiguration: { LocationConstraint: region } }),
        }),
      );
    expect(await failure(create('eu-west-2'))).toMatchObject({ code: 'InvalidLocationConstraint', status: 400 });
    await create('eu-west-1');
    expect(await failure(create('eu-west-1'))).toMatchObject({ code: 'BucketAlreadyOwnedByYou', status: 409 });
    const location = await client.send(new GetBucketLocationCommand({ Bucket: 'new-bucket' }));
    expect(location.LocationConstraint).toBe('eu-west-1');
  });

  it('us-east-1 is the null location (API_GetBucketLocation)', async () => {
    const { client } = await startWithClient();
    expect((await client.send(new GetBucketLocationCommand({ Bucket: 'bucket' }))).LocationConstraint).toBeUndefined();
  });

  it('answers settings as for a bucket on which none was changed (API_GetBucketVersioning, API_GetBucketPolicy)', async () => {
    const { client } = await startWithClient();
    expect((await client.send(new GetBucketVersioningCommand({ Bucket: 'bucket' }))).Status).toBeUndefined();
    expect((await client.send(new GetBucketAclCommand({ Bucket: 'bucket' }))).Grants).toMatchObject([
      { Permission: 'FULL_CONTROL' },
    ]);
    expect(await failure(client.send(new GetBucketPolicyCommand({ Bucket: 'bucket' })))).toMatchObject({
      code: 'NoSuchBucketPolicy',
      status: 404,
    });
  });

  it('answers 501 NotImplemented to settings that it cannot change (ErrorResponses)', async () => {
    const { client } = await startWithClient();
    const put = await failure(client.send(new PutBucketPolicyCommand({ Bucket: 'bucket', Policy: '{}' })));
    expect(put).toMatchObject({ code: 'NotImplemented', status: 501 });
  });

  it('finds buckets in virtual-hosted style too (userguide: VirtualHosting)', async () => {
    const server = await startTestServer();
    const loopback = [{ address: '127.0.0.1', family: 4 }];
    const client = sdkClient(server, {
      endpoint: `http://localhost:${server.port}`,
      forcePathStyle: false,
      // Whether bucket.localhost has an address is up to the system.
      requestHandler: { httpAgent: new Agent({ lookup: (_host, _options, done) => done(null, loopback) }) },
    });
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'a/b', Body: 'x' }));
    const listing = await sdkClient(server).send(new ListObjectsV2Command({ Bucket: 'bucket' }));
    expect(listing.Contents?.map(({ Key }) => Key)).toEqual(['a/b']);
  });
});
