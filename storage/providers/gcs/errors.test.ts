import { expect, it } from 'vitest';
import { gcsError, MissingPermission, parseFault } from './errors.ts';

const json = (code: number, reason: string, message = 'words') =>
  JSON.stringify({ error: { code, message, errors: [{ message, domain: 'global', reason }] } });
const xml = (code: string) =>
  `<?xml version='1.0'?><Error><Code>${code}</Code><Message>words &amp; more</Message></Error>`;

it.each([
  [401, json(401, 'authError'), 'CREDENTIALS_INVALID'],
  [403, json(403, 'forbidden'), 'PERMISSION_DENIED'],
  [403, json(403, 'rateLimitExceeded'), 'THROTTLED'],
  [403, json(403, 'quotaExceeded'), 'QUOTA_EXCEEDED'],
  [404, json(404, 'notFound', 'No such object: a/b'), 'OBJECT_NOT_FOUND'],
  [404, json(404, 'notFound', 'The specified bucket does not exist.'), 'CONTAINER_NOT_FOUND'],
  [400, json(400, 'invalid', `Provided CRC32C "x" doesn't match calculated CRC32C "y".`), 'CHECKSUM_MISMATCH'],
  // A rewrite that was begun more than a week ago.
  [410, json(410, 'gone'), 'UPLOAD_EXPIRED'],
  [412, json(412, 'conditionNotMet'), 'PRECONDITION_FAILED'],
  [429, json(429, 'rateLimitExceeded'), 'THROTTLED'],
  [500, json(500, 'internalError'), 'PROVIDER_UNAVAILABLE'],
  [503, json(503, 'backendError'), 'THROTTLED'],
  [400, xml('BadDigest'), 'CHECKSUM_MISMATCH'],
  [400, xml('InvalidPart'), 'UPLOAD_EXPIRED'],
  [400, xml('UserProjectMissing'), 'PERMISSION_DENIED'],
  [404, xml('NoSuchBucket'), 'CONTAINER_NOT_FOUND'],
  [404, xml('NoSuchUpload'), 'UPLOAD_EXPIRED'],
  [416, xml('InvalidRange'), 'OBJECT_CHANGED'],
  [429, '', 'THROTTLED'],
  [502, '<html>', 'PROVIDER_UNAVAILABLE'],
  [404, '<html>', 'ENDPOINT_INVALID'],
  [302, '', 'ENDPOINT_INVALID'],
])('reads status %i with %s as an error of its kind', (status, document, code) => {
  const fault = parseFault(document, document.startsWith('<') ? 'xml' : 'json');
  const headers = { 'retry-after': '3' };
  const error = gcsError(
    { status, headers, reason: fault?.reason, message: fault?.message ?? '' },
    fault !== undefined,
  );
  expect(error.code).toBe(code);
  if (code === 'THROTTLED') expect(error.retryAfterMs).toBe(3000);
  // What the service says in words may repeat what was sent.
  expect(error.message).not.toContain('words');
});

it('repeats no reason that is none: a stranger may put there what it was sent', () => {
  for (const reason of ['Bearer ya29.c2VjcmV0', '{"assertion":"c2VjcmV0"}', '']) {
    const fault = parseFault(JSON.stringify({ error: { code: 400, errors: [{ reason }] } }), 'json');
    expect(fault?.reason).toBeDefined();
    const { message } = gcsError({ status: 400, headers: {}, reason: fault?.reason, message: '' }, true);
    expect(message).toMatch(/take this request\. \(status 400\)$/);
  }
});

it('takes no error of one API for one of the other', () => {
  expect(parseFault(xml('AccessDenied'), 'json')).toBeUndefined();
  expect(parseFault(json(403, 'forbidden'), 'xml')).toBeUndefined();
});

it('tells a permission that is missing from what no role mends', () => {
  const read = (reason: string, message: string, status = 403) =>
    gcsError({ status, reason, message, headers: {} }, true);
  const lacks = 'does not have storage.buckets.list access to the Google Cloud project.';
  expect(read('forbidden', `ann@example.com ${lacks}`)).toBeInstanceOf(MissingPermission);
  const others = [
    read('forbidden', `Anonymous caller ${lacks}`),
    read('forbidden', `ann@example.com ${lacks}`, 401),
    read('forbidden', "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"),
    read('accountDisabled', 'The project to be billed is associated with a closed billing account.'),
    read('UserProjectAccountProblem', 'words'),
    read('accessNotConfigured', 'words'),
    read('insufficientPermissions', 'words'),
  ];
  for (const error of others) expect(error).not.toBeInstanceOf(MissingPermission);
  const denied = others.slice(2);
  expect(denied.map(({ code }) => code)).toEqual(denied.map(() => 'PERMISSION_DENIED'));
  // What to do about it is said but for the first, which Google explains to nobody but the organisation.
  expect(new Set(denied.map(({ message }) => message)).size).toBe(denied.length);
});
