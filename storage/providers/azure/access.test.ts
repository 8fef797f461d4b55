import { expect, test } from 'vitest';
import { assertSasWrites, blobAccess } from './access.ts';

const accessBy = (sasToken: string) =>
  blobAccess({ provider: 'azure', accountName: 'a', sasToken }, undefined as never, undefined as never);

test.each(['?sp=rwl&sr=c&sig=x', 'sp=rc&srt=o&ss=b', 'si=a-stored-policy&sr=c&sig=x'])('%s may write', (sasToken) => {
  expect(() => assertSasWrites(accessBy(sasToken))).not.toThrow();
});

test.each(['?sp=rl&sr=c&sig=x', 'sp=rwl&srt=sc&ss=b'])('%s may not', (sasToken) => {
  expect(() => assertSasWrites(accessBy(sasToken))).toThrow(
    expect.objectContaining({ code: 'PERMISSION_DENIED', message: expect.stringMatching(/Make one with/) }),
  );
});
