import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createAddressPolicy } from './address-policy.ts';

const refused = {
  'unspecified (RFC 1122)': ['0.0.0.0', '0.1.2.3'],
  loopback: ['127.0.0.1', '127.0.0.2', '127.1.2.3', '127.255.255.255'],
  'private (RFC 1918)': [
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.168.255.255',
  ],
  'carrier-grade NAT (RFC 6598), Alibaba metadata': ['100.64.0.1', '100.127.255.255', '100.100.100.200'],
  'link-local, metadata of AWS, GCP, Azure, ECS tasks': ['169.254.0.1', '169.254.169.254', '169.254.170.2'],
  'Azure host services': ['168.63.129.16'],
  'IETF protocol assignments, Oracle metadata': ['192.0.0.1', '192.0.0.192', '192.0.0.170'],
  'documentation and benchmarking': ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '198.19.255.255'],
  '6to4 relay anycast': ['192.88.99.1'],
  multicast: ['224.0.0.1', '239.255.255.255'],
  'reserved and broadcast': ['240.0.0.1', '254.255.255.255', '255.255.255.255'],
  'IPv6 unspecified and loopback': ['::', '::1', '0:0:0:0:0:0:0:1'],
  'IPv4-compatible (deprecated)': ['::127.0.0.1', '::a9fe:a9fe', '::8.8.8.8'],
  'IPv4-mapped private': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254', '::FFFF:10.0.0.1'],
  'IPv4-translated (RFC 2765)': ['::ffff:0:127.0.0.1'],
  'unique local, AWS metadata': ['fc00::1', 'fd00::1', 'fd00:ec2::254', 'fdff:ffff::1'],
  'link-local, with a zone too': ['fe80::1', 'febf::1', 'fe80::1%eth0', 'fe80::1%25eth0', '::1%lo'],
  'site-local (deprecated)': ['fec0::1'],
  'IPv6 multicast': ['ff02::1', 'ff0e::1'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b::169.254.169.254', '64:ff9b:1::1'],
  '6to4': ['2002:7f00:1::', '2002:a9fe:a9fe::1', '2002:808:808::1'],
  Teredo: ['2001:0:808:808::1'],
  ISATAP: ['2620:1ec:1::5efe:127.0.0.1', '2620:1ec:1:0:200:5efe:10.0.0.1'],
  'IPv6 documentation, ORCHID, benchmarking': ['2001:db8::1', '3fff::1', '2001:20::1', '2001:2::1'],
  'discard-only, segment routing, unassigned': ['100::1', '5f00::1', '4000::1', '1::1'],
  'no address at all': ['', 'localhost', '127.1', '0x7f000001', '2130706433', '0177.0.0.1', '127.0.0.1 ', '[::1]'],
  'addresses in other spellings': [
    '0',
    '127.0.1',
    '0x7f.0.0.1',
    '0x7f.1',
    '017700000001',
    '0251.0376.0251.0376',
    '169.254.43518',
    '2852039166',
    '0xa9fea9fe',
    '127.0.0.1.',
    '127.0.0.01',
    ' 127.0.0.1',
    '127。0。0。1',
    '１２７.0.0.1',
    '①②⑦.0.0.1',
    '127.0.0.1\u0000',
    '127.0.0.1/32',
    '[::ffff:127.0.0.1]',
    '%31%32%37.0.0.1',
  ],
  'IPv4-mapped, in every spelling': [
    '::ffff:0.0.0.0',
    '::ffff:a00:1',
    '::ffff:ac10:1',
    '::ffff:c0a8:1',
    '::ffff:6440:1',
    '::ffff:a9fe:a9fe',
    '::ffff:168.63.129.16',
    '::ffff:a83f:8110',
    '0:0:0:0:0:ffff:7f00:1',
    '0000:0000:0000:0000:0000:ffff:127.0.0.1',
    '::FfFf:7F00:0001',
    '::ffff:224.0.0.1',
    '::ffff:255.255.255.255',
  ],
};
const reachable = ['8.8.8.8', '52.216.1.1', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2600:1fa0::1', '::ffff:8.8.8.8'];

describe('addresses', () => {
  const policy = createAddressPolicy([]);

  for (const [what, addresses] of Object.entries(refused)) {
    it.each(addresses)(`refuses ${what}: %s`, (address) => {
      expect(policy.allows(address)).toBe(false);
      expect(() => policy.assertAllowed(address, 'evil.example')).toThrow(
        expect.objectContaining({ code: 'ADDRESS_NOT_ALLOWED', message: expect.stringContaining('evil.example') }),
      );
    });
  }

  it.each(reachable)('allows %s', (address) => {
    expect(policy.allows(address)).toBe(true);
  });
});

describe("the operator's ranges", () => {
  it('opens what is listed and nothing beside it', () => {
    const policy = createAddressPolicy(['127.0.0.0/8', '10.1.0.0/16', 'fd00:1::/32', '192.168.7.9']);
    expect(['127.0.0.1', '10.1.255.1', 'fd00:1::5', '192.168.7.9', '::ffff:127.0.0.1'].map(policy.allows)).toEqual(
      Array(5).fill(true),
    );
    expect(['10.2.0.1', 'fd00:2::5', '192.168.7.8', '::1', '169.254.169.254'].map(policy.allows)).toEqual(
      Array(5).fill(false),
    );
  });

  it.each(['10.0.0.0/33', 'localhost', '10.0.0/8', '127.1', 'fd00::/200', '/8', ''])(
    'refuses the range %j',
    (range) => {
      expect(() => createAddressPolicy([range])).toThrow(`'${range}'`);
    },
  );
});

describe('lookup', () => {
  const answer =
    (...addresses: string[]): LookupFunction =>
    (_host, _options, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const run = (resolve: LookupFunction, allowed: string[] = [], all = true) =>
    new Promise<unknown>((done, fail) =>
      createAddressPolicy(allowed, resolve).lookup('store.example', { all }, (error, found) =>
        error ? fail(error) : done(found),
      ),
    );

  it('refuses a name that leads to a private address', async () => {
    await expect(run(answer('169.254.169.254'))).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    await expect(run(answer('10.0.0.1', '::1'), [], false)).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
  });

  it('hands on only the allowed ones of a mixed answer', async () => {
    await expect(run(answer('127.0.0.1', '8.8.8.8', '::1'))).resolves.toEqual([{ address: '8.8.8.8', family: 4 }]);
    await expect(run(answer('127.0.0.1', '8.8.8.8'), ['127.0.0.0/8'])).resolves.toHaveLength(2);
  });

  it('does not tell where the name led', async () => {
    const error = (await run(answer('10.9.8.7')).catch((reason) => reason)) as Error;
    expect(error.message).toContain('store.example');
    expect(error.message).not.toContain('10.9.8.7');
  });

  it('passes on failures to resolve', async () => {
    const failure = Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
    await expect(run((_host, _options, callback) => callback(failure, []))).rejects.toBe(failure);
  });
});
