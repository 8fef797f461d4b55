import { expect, it } from 'vitest';
import { assertFromDropbox, type DropboxRefusal, dropboxError, unionError } from './errors.ts';

const numbered = { 'x-dropbox-request-id': 'a' };

/** A union by its tags: `path/not_found`. */
function union(tags: string): Record<string, unknown> {
  const [tag = '', ...rest] = tags.split('/');
  return rest.length === 0 ? { '.tag': tag } : { '.tag': tag, [tag]: union(rest.join('/')) };
}

it.each([
  ['path/not_found', 'OBJECT_NOT_FOUND'],
  ['path_lookup/not_found', 'OBJECT_NOT_FOUND'],
  ['not_found', 'UPLOAD_EXPIRED'],
  ['lookup_failed/not_found', 'UPLOAD_EXPIRED'],
  ['lookup_failed/incorrect_offset', 'UPLOAD_EXPIRED'],
  ['concurrent_session_missing_data', 'UPLOAD_EXPIRED'],
  ['path/conflict/file', 'PRECONDITION_FAILED'],
  ['path/conflict/folder', 'NAME_COLLISION'],
  ['path/conflict/file_ancestor', 'NAME_COLLISION'],
  ['path/malformed_path', 'NAME_NOT_ALLOWED'],
  ['path/disallowed_name', 'NAME_NOT_ALLOWED'],
  ['path/insufficient_space', 'QUOTA_EXCEEDED'],
  ['path/team_folder_insufficient_space', 'QUOTA_EXCEEDED'],
  ['path/no_write_permission', 'PERMISSION_DENIED'],
  ['path/restricted_content', 'OBJECT_NOT_READABLE'],
  ['unsupported_file', 'OBJECT_NOT_READABLE'],
  ['too_many_write_operations', 'THROTTLED'],
  ['path/too_many_write_operations', 'THROTTLED'],
  ['content_hash_mismatch', 'CHECKSUM_MISMATCH'],
  ['reset', 'OBJECT_CHANGED'],
  ['download_failed', 'ENDPOINT_UNREACHABLE'],
  ['something/new', 'CONFLICT'],
] as const)('409 %s is %s', (tags, code) => {
  const error = union(tags);
  const text = JSON.stringify({ error_summary: `${tags}/...`, error });
  expect(dropboxError({ status: 409, headers: numbered, text })).toMatchObject({ code });
  expect(unionError(error)).toMatchObject({ code, tags: tags.split('/') });
});

it('reads the reason of a failed upload, which stands beside its tag', () => {
  const error = { '.tag': 'path', reason: union('insufficient_space'), upload_session_id: 'x' };
  expect(unionError(error)).toMatchObject({ code: 'QUOTA_EXCEEDED', tags: ['path', 'insufficient_space'] });
});

it('keeps the offset that a session is at', () => {
  expect(unionError({ '.tag': 'incorrect_offset', correct_offset: 8 }) as DropboxRefusal).toMatchObject({
    correctOffset: 8,
  });
});

it.each([
  ['JSON', JSON.stringify({ error: { reason: { '.tag': 'too_many_write_operations' }, retry_after: 3 } }), {}, 3000],
  ['plain text', 'slow down', { 'retry-after': '5' }, 5000],
  ['plain text without a time', 'slow down', {}, undefined],
])('429 in %s asks to slow down', (_what, text, headers, retryAfterMs) => {
  const error = dropboxError({ status: 429, headers: { ...numbered, ...headers }, text });
  expect(error).toMatchObject({ code: 'THROTTLED', retry: 'backoff', retryAfterMs });
});

it('names the scope that is missing', () => {
  const error = { '.tag': 'missing_scope', required_scope: 'files.content.write' };
  const refused = dropboxError({ status: 401, headers: numbered, text: JSON.stringify({ error }) });
  expect(refused).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining('files.content.write') });
});

it('tells an answer that Dropbox did not give', () => {
  expect(dropboxError({ status: 404, headers: {}, text: '<html>' })).toMatchObject({ code: 'ENDPOINT_INVALID' });
  expect(dropboxError({ status: 302, headers: numbered, text: '' })).toMatchObject({ code: 'ENDPOINT_INVALID' });
  expect(() => assertFromDropbox({})).toThrow(expect.objectContaining({ code: 'ENDPOINT_INVALID' }));
  expect(dropboxError({ status: 502, headers: {}, text: '' })).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
});
