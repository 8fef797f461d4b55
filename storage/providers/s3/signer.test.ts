import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { signer as vendorSigner } from '../../../emulators/s3/testing/support.ts';
import { encodeKey } from '../endpoint.ts';
import { type AwsKeys, createSigner } from './signer.ts';

// Both signers read the clock; nothing waits here.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const region = 'eu-central-1';
const vendor = (keys: AwsKeys) => vendorSigner(keys, region);

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => text.isWellFormed());
const token = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
const headerValue = fc.stringMatching(/^[!-~ ]{0,30}$/);
const requests = fc.record({
  at: fc.date({ min: new Date('2024-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
  keys: fc.record(
    { accessKeyId: token, secretAccessKey: fc.oneof(fc.constant('secret'), word), sessionToken: word },
    { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
  ),
  method: fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE', 'POST'),
  key: word,
  query: fc.dictionary(token, fc.oneof(fc.constant(''), word), { maxKeys: 4 }),
  headers: fc.dictionary(
    token.map((name) => `x-amz-meta-${name}`),
    headerValue,
    { maxKeys: 4 },
  ),
  cacheControl: fc.option(headerValue, { nil: undefined }),
});

test("signs as the vendor's signer does", async () => {
  let signer = createSigner(region, async () => keys);
  let keys: AwsKeys;
  await fc.assert(
    fc.asyncProperty(requests, async ({ at, method, key, query, headers, cacheControl, ...given }) => {
      vi.setSystemTime(at);
      keys = given.keys;
      // Its keys may change, as those of a machine do.
      if (at.getTime() % 2 === 0) signer = createSigner(region, async () => keys);
      const request = {
        method,
        path: `/bucket/${encodeKey(key)}`,
        query,
        headers: {
          host: 'host:9000',
          'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
          ...headers,
          ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
        },
      };
      const signed = await vendor(keys).sign({ ...request, protocol: 'https:', hostname: 'host' });
      expect(await signer.sign(request)).toEqual(signed.headers);
    }),
  );
});

test("makes the URLs that the vendor's signer makes", async () => {
  await fc.assert(
    fc.asyncProperty(
      requests,
      fc.integer({ min: 1, max: 604_800 }),
      async ({ at, keys, method, key, query }, seconds) => {
        vi.setSystemTime(at);
        const request = { method, path: `/bucket/${encodeKey(key)}`, query, headers: { host: 'host:9000' } };
        const signed = await vendor(keys).presign(
          {
            ...request,
            protocol: 'https:',
            hostname: 'host',
            headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
          },
          {
            expiresIn: seconds,
            unhoistableHeaders: new Set(['x-amz-content-sha256']),
            unsignableHeaders: new Set(['x-amz-content-sha256']),
          },
        );
        expect(await createSigner(region, async () => keys).presign(request, seconds)).toEqual(signed.query);
      },
    ),
  );
});
