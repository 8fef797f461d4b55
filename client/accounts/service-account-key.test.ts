import { expect, it } from 'vitest';
import { readServiceAccountKey } from './service-account-key.ts';

const key = { type: 'service_account', client_email: 'ferry@harbour.iam.gserviceaccount.com', private_key: 'secret' };

it('tells whose key it is', () => {
  expect(readServiceAccountKey(`\n${JSON.stringify(key)}\n`)).toEqual({ email: key.client_email, problem: null });
});

it.each([
  ['nothing', ' ', /Drop the key file/],
  ['half of a key', JSON.stringify(key).slice(0, 40), /whole text/],
  ['the file of an OAuth client', '{"web":{"client_secret":"secret"}}', /another one/],
  ['a person’s credentials', JSON.stringify({ ...key, type: 'authorized_user' }), /another one/],
  ['a list', '[]', /another one/],
  ['null', 'null', /another one/],
])('of %s it says what to give instead', (_name, text, problem) => {
  const reading = readServiceAccountKey(text);
  expect(reading.problem).toMatch(problem);
  expect(reading.problem).not.toContain('secret":');
});
