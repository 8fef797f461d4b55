import { describe, expect, it } from 'vitest';
import { azureError } from './errors.ts';

const headers = { 'x-ms-request-id': 'id' };

// "Common REST API error codes" and "Blob service error codes" of the Storage REST reference.
describe('what Azure says', () => {
  it.each([
    [403, 'AuthenticationFailed', 'CREDENTIALS_INVALID', 'never'],
    [403, 'AuthorizationFailure', 'PERMISSION_DENIED', 'never'],
    [403, 'AuthorizationPermissionMismatch', 'PERMISSION_DENIED', 'never'],
    [404, 'ContainerNotFound', 'CONTAINER_NOT_FOUND', 'never'],
    [404, 'BlobNotFound', 'OBJECT_NOT_FOUND', 'never'],
    [409, 'BlobArchived', 'OBJECT_ARCHIVED', 'never'],
    [409, 'BlobAlreadyExists', 'PRECONDITION_FAILED', 'never'],
    [412, 'ConditionNotMet', 'PRECONDITION_FAILED', 'never'],
    [400, 'InvalidBlockList', 'UPLOAD_EXPIRED', 'restart'],
    [400, 'Md5Mismatch', 'CHECKSUM_MISMATCH', 'restart'],
    [503, 'ServerBusy', 'THROTTLED', 'backoff'],
    [500, 'OperationTimedOut', 'PROVIDER_UNAVAILABLE', 'backoff'],
    [500, 'SomethingNew', 'PROVIDER_UNAVAILABLE', 'backoff'],
    // Azurite, of calls that it does not know, such as Put Blob From URL.
    [501, 'APINotImplemented', 'NOT_SUPPORTED', 'never'],
    [412, undefined, 'PRECONDITION_FAILED', 'never'],
    [408, undefined, 'PROVIDER_UNAVAILABLE', 'backoff'],
    [400, 'InvalidArgument', 'ENDPOINT_INVALID', 'never'],
    [400, undefined, 'ENDPOINT_INVALID', 'never'],
  ] as const)('%i %s is %s, to be tried: %s', (status, code, expected, retry) => {
    const error = azureError({ status, code, headers });
    expect(error).toMatchObject({ code: expected, retry });
    if (code) expect(error.message).toContain(code);
  });

  it('repeats no code that is none: a stranger may put there what it was sent', () => {
    for (const code of ['sv=2024-11-04&sig=c2VjcmV0', 'SharedKey skyferry:c2VjcmV0', 'c'.repeat(65), '']) {
      const { message } = azureError({ status: 403, code, headers });
      expect(message).toMatch(/roles\. \(status 403\)$/);
    }
  });

  it('an authorization failure that speaks of the signature is one of credentials', () => {
    const message = 'Server failed to authenticate the request. Make sure the value of the Authorization header …';
    expect(azureError({ status: 403, code: 'AuthorizationFailure', message, headers }).code).toBe(
      'CREDENTIALS_INVALID',
    );
  });

  it('a failed signature that is dated far from our own time is a wrong clock', () => {
    const date = new Date(Date.now() + 20 * 60_000).toUTCString();
    const fault = { status: 403, code: 'AuthenticationFailed', headers: { ...headers, date } };
    const at = new Date(date).toISOString();
    expect(azureError(fault)).toMatchObject({
      code: 'CLOCK_SKEWED',
      message: expect.stringMatching(`more than 15 minutes apart: .* here, ${at} there. Set the one that is wrong`),
    });
  });

  it.each([
    [302, {}, /redirects to another place .* Give the storage account's Blob endpoint/],
    [404, { 'content-type': 'text/html; charset=utf-8' }, /is a web page, .* Give the storage account's Blob endpoint/],
    [404, {}, /does not answer as the Azure Blob service does/],
  ])('says what answers in its place: %i %j', (status, others, message) => {
    const error = azureError({ status, code: undefined, headers: others });
    expect(error).toMatchObject({ code: 'ENDPOINT_INVALID', message: expect.stringMatching(message) });
  });

  it('what carries none of its marks is not Azure', () => {
    for (const status of [301, 302, 400, 403, 404]) {
      expect(azureError({ status, code: undefined, headers: {} }).code).toBe('ENDPOINT_INVALID');
    }
    expect(azureError({ status: 502, code: undefined, headers: {} }).code).toBe('PROVIDER_UNAVAILABLE');
    expect(azureError({ status: 429, code: undefined, headers: { 'retry-after': '3' } })).toMatchObject({
      code: 'THROTTLED',
      retryAfterMs: 3000,
    });
  });
});
