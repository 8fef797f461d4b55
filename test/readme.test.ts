import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../emulators/azure.ts';
import { startS3Server } from '../emulators/s3/server.ts';
import { createTestDatabase, startPrivateRedis } from './support/databases.ts';
import { type Product, startProduct } from './support/product.ts';

const run = promisify(execFile);
const s3Keys = { accessKeyId: 'reader', secretAccessKey: 'readers-own-secret' };
const person = { email: 'reader@example.org', password: 'a password of a reader', name: 'Reader' };
const stops: (() => Promise<unknown>)[] = [];
let product: Product;

/** A product as `npm start` leaves it: a user with an S3 account that holds a few files, and an Azure account. */
beforeAll(async () => {
  const database = await createTestDatabase();
  stops.push(() => database.drop());
  const redis = await startPrivateRedis();
  stops.push(() => redis.dispose());
  const s3 = await startS3Server({ credentials: [s3Keys] });
  stops.push(() => s3.close());
  const azurite = await startAzurite({ containers: ['arrivals'] });
  stops.push(() => azurite.close());
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    // A copy: the SDK marks the object that it is given.
    credentials: { ...s3Keys },
  });
  await client.send(new CreateBucketCommand({ Bucket: 'departures' }));
  for (const [Key, Body] of Object.entries({ 'a.txt': 'one', 'folder/b.txt': 'two', 'folder/empty': '' })) {
    await client.send(new PutObjectCommand({ Bucket: 'departures', Key, Body }));
  }
  client.destroy();
  product = await startProduct({ databaseUrl: database.url, redisUrl: redis.url });
  stops.push(() => product.stop());
  const token = (await graphql(
    'mutation ($input: SignUpInput!) { result: signUp(input: $input) { token userErrors { message } } }',
    { input: person },
  ).then(({ token }) => token)) as string;
  const credentials = [
    { s3: { endpoint: s3.endpoint, addressing: 'PATH', ...s3Keys } },
    { azure: { endpoint: azurite.endpoint, accountName: azurite.accountName, accountKey: azurite.accountKey } },
  ];
  for (const one of credentials) {
    const { userErrors } = await graphql(
      'mutation ($input: ConnectAccountInput!) { result: connectAccount(input: $input) { userErrors { message } } }',
      { input: { name: Object.keys(one)[0], credentials: one } },
      token,
    );
    expect(userErrors).toEqual([]);
  }
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

async function graphql(query: string, variables: object, token?: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${product.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as { data: { result: Record<string, unknown> } };
  if (!answer.data) throw new Error(JSON.stringify(answer));
  return answer.data.result;
}

test('the first GraphQL session of the README works when it is pasted', async () => {
  const readme = await readFile('README.md', 'utf8');
  const section = /## A first GraphQL session\n(.*?)\n## /s.exec(readme)?.[1] ?? '';
  const [exports, session] = [...section.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]);
  expect(exports).toMatch(/SKYFERRY_URL=.* SKYFERRY_EMAIL=.* SKYFERRY_PASSWORD=/);
  const { stdout } = await run('bash', ['--norc', '-euo', 'pipefail', '-c', session as string], {
    env: {
      PATH: process.env.PATH,
      SKYFERRY_URL: product.url,
      SKYFERRY_EMAIL: person.email,
      SKYFERRY_PASSWORD: person.password,
    },
    timeout: 60_000,
  });
  expect(stdout).toContain('"path": "departures/"');
  const progress = [...stdout.matchAll(/^data: (\{.*\})$/gm)].map(
    (match) => JSON.parse(match[1] as string).data.transferProgress.progress,
  );
  expect(progress.at(-1)).toMatchObject({ state: 'COMPLETED', objectsCompleted: 3, objectsListed: 3 });
});
