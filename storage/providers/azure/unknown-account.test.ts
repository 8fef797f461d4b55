import { expect, test } from 'vitest';
import { account, byKey, bySas, startAccount } from '../../../test/support/azure-account.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { openProvider } from '../../registry.ts';

test.each([
  ['the account key', byKey],
  ['a SAS token', bySas],
])('an account that the endpoint does not know is told from a blob that is not there: with %s', async (_, secret) => {
  const server = await startAccount();
  try {
    const accountName = 'nobody';
    const credentials = { ...account, ...secret, accountName, endpoint: new URL(accountName, server.endpoint).href };
    const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.0/8']) });
    try {
      await expect(provider.check(new AbortController().signal)).rejects.toMatchObject({
        code: 'ENDPOINT_INVALID',
        message: expect.stringMatching(/'nobody'.*Check the name of the account and the endpoint/),
      });
    } finally {
      await provider.close();
    }
  } finally {
    await server.close();
  }
});
