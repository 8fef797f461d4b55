import { describe, expect, it } from 'vitest';
import { azureSasCommand, s3Policy } from './permissions.ts';

const actions = (policy: string) =>
  (JSON.parse(policy).Statement as { Action: string | string[] }[]).flatMap(({ Action }) => Action);

describe('s3Policy', () => {
  it('lets nothing be written at a source', () => {
    expect(actions(s3Policy('source', 'photos')).filter((action) => /Put|Delete|Abort/.test(action))).toEqual([]);
  });

  it('lets a destination be written, continued and read back', () => {
    expect(actions(s3Policy('destination', 'photos'))).toEqual(
      expect.arrayContaining([
        's3:PutObject',
        's3:ListMultipartUploadParts',
        's3:AbortMultipartUpload',
        's3:GetObject',
      ]),
    );
  });

  it('names the bucket and names no action twice', () => {
    const policy = s3Policy('both', 'photos');
    expect(policy).toContain('arn:aws:s3:::photos/*');
    expect(new Set(actions(policy)).size).toBe(actions(policy).length);
  });
});

it('asks Azure for reading only at a source', () => {
  expect(azureSasCommand('source', 'harbour')).toMatch(/--account-name harbour .*--permissions rl \\/s);
});
