import { auditServer } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';

let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ token } = await api.signUp());
});
afterAll(() => api.close());

/** Everything that the GraphQL over HTTP specification says a server must, should and may do. */
test('all 61 audits of graphql-http pass', async () => {
  const results = await auditServer({
    url: `${api.url}/graphql`,
    fetchFn: (input: string | URL, init?: RequestInit) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', `Bearer ${token}`);
      return fetch(input, { ...init, headers });
    },
  });
  const failed = results.filter(({ status }) => status !== 'ok');
  expect(failed.map(({ id, name, status }) => `${id} ${name}: ${status}`)).toEqual([]);
  expect(results).toHaveLength(61);
});
