import { expect, test } from 'vitest';
import { parseConfig } from './config.ts';

const key = (id: string) => `${id}:${Buffer.alloc(32, 7).toString('base64')}`;
const least = {
  DATABASE_URL: 'postgresql://localhost/skyferry',
  REDIS_URL: 'redis://localhost',
  KEY_ENCRYPTION_KEY: key('k1'),
  AUTH_SECRET: 'a'.repeat(32),
};

test('defaults fill what is not given, and an empty variable counts as not given', () => {
  expect(parseConfig({ ...least, PORT: '' })).toMatchObject({ PORT: 4000, HOST: '127.0.0.1', TRUSTED_PROXIES: [] });
});

test('lists are split and trimmed', () => {
  expect(parseConfig({ ...least, TRUSTED_PROXIES: '10.0.0.0/8, ::1' }).TRUSTED_PROXIES).toEqual(['10.0.0.0/8', '::1']);
});

test('tiers are read with their limits', () => {
  expect(parseConfig({ ...least, TIERS: 'standard:64:32, large:512:256' }).TIERS).toEqual([
    { name: 'standard', userObjects: 64, accountObjects: 32 },
    { name: 'large', userObjects: 512, accountObjects: 256 },
  ]);
});

test.each([
  ['DATABASE_URL', 'mysql://localhost/a'],
  ['REDIS_URL', 'http://localhost'],
  ['PORT', '70000'],
  ['PORT', 'abc'],
  ['PORT', ' '],
  ['PORT', '0x10'],
  ['HOST', '999.1.1.1'],
  ['HOST', 'http://localhost'],
  ['ALLOWED_ORIGINS', 'notanorigin'],
  ['ALLOWED_ORIGINS', 'https://app.example.com,https://other.example.com/path'],
  ['PUBLIC_URL', 'ftp://example.com'],
  ['TRUSTED_PROXIES', '10.0.0.0/8,everyone'],
  ['ALLOWED_PRIVATE_ADDRESSES', '127.0.0.1/99'],
  ['KEY_ENCRYPTION_KEY', 'k1:c2hvcnQ='],
  ['KEY_ENCRYPTION_KEYS_OLD', `${key('k0')},oops`],
  ['AUTH_SECRET', 'short'],
  ['WORKER_COUNT', '0'],
  ['TIERS', 'standard:64'],
  ['TIERS', 'standard:64:0'],
  ['TIERS', 'Standard:64:32'],
  ['TIERS', 'large:64:32,large:128:64'],
  ['LOG_LEVEL', 'loud'],
  ['DROPBOX_APP_KEY', 'two words'],
  ['ALLOW_MACHINE_IDENTITY', 'perhaps'],
  ['GOOGLE_ENDPOINT', 'ftp://example.com'],
  ['GCE_METADATA_HOST', 'metadata.google.internal'],
  ['GCE_METADATA_HOST', 'http://169.254.169.254'],
  ['GCE_METADATA_HOST', '169.254.169.254:99999'],
])('a wrong %s is refused by name and not repeated', (name, value) => {
  const attempt = () => parseConfig({ ...least, [name]: value });
  expect(attempt).toThrow(new RegExp(`^Wrong configuration:\\n  ${name}: `));
  // A blank or a single digit is in every message.
  if (value.trim().length > 1) expect(attempt).not.toThrow(value);
});

test.each([
  ['HOST', '::1'],
  ['GCE_METADATA_HOST', '169.254.169.254:80'],
  ['GCE_METADATA_HOST', '[fd20:ce::254]'],
  ['HOST', 'ferry.example.com'],
  ['ALLOWED_ORIGINS', 'https://App.example.com/, http://localhost:5173'],
  ['ALLOWED_ORIGINS', ''],
])('%s=%s is taken', (name, value) => {
  expect(() => parseConfig({ ...least, [name]: value })).not.toThrow();
});

test('a message says what is wanted', () => {
  expect(() => parseConfig({ ...least, REDIS_URL: 'oops' })).toThrow('REDIS_URL: must be a URL such as redis://');
  expect(() => parseConfig({ ...least, PORT: 'abc' })).toThrow('PORT: must be a whole number from 0 to 65535');
});

test('each missing variable is named', () => {
  expect(() => parseConfig({})).toThrow(
    /DATABASE_URL: is required\n.*REDIS_URL: is required\n.*KEY_ENCRYPTION_KEY: is required\n.*AUTH_SECRET: is required/,
  );
});

test('production refuses the demo key, current or old', () => {
  const demo = key('demo-1a2b');
  expect(parseConfig({ ...least, KEY_ENCRYPTION_KEY: demo }).KEY_ENCRYPTION_KEY).toBe(demo);
  const production = { ...least, NODE_ENV: 'production' };
  expect(parseConfig(production).NODE_ENV).toBe('production');
  expect(() => parseConfig({ ...production, KEY_ENCRYPTION_KEY: demo })).toThrow('KEY_ENCRYPTION_KEY: must not be');
  expect(() => parseConfig({ ...production, KEY_ENCRYPTION_KEYS_OLD: demo })).toThrow(
    'KEY_ENCRYPTION_KEYS_OLD: must not be',
  );
});

test('the id and the secret of an app come together, and the one that is missing is named', () => {
  const id = { GOOGLE_OAUTH_CLIENT_ID: 'an-id' };
  const secret = { GOOGLE_OAUTH_CLIENT_SECRET: 'a-secret' };
  expect(() => parseConfig({ ...least, ...id })).toThrow('GOOGLE_OAUTH_CLIENT_SECRET: is required');
  expect(() => parseConfig({ ...least, ...secret })).toThrow('GOOGLE_OAUTH_CLIENT_ID: is required');
  expect(parseConfig({ ...least, ...id, ...secret })).toMatchObject({ ...id, ...secret });
});
