import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { azureSasCommand, compatibleRights, gcsCommand, s3Policy } from './permissions.ts';

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

it('names the rights at a compatible store without a policy of Amazon’s, the same ones', () => {
  expect(compatibleRights('source', 'photos')).not.toMatch(/Put|Delete|Abort|arn:|Version"/);
  const rights = compatibleRights('both', 'photos');
  expect(rights).toContain('On the bucket photos');
  for (const action of actions(s3Policy('both', 'photos'))) expect(rights).toContain(action.replace('s3:', ''));
});

it('asks Azure for reading only at a source', () => {
  expect(azureSasCommand('source', 'harbour')).toMatch(/--account-name harbour .*--permissions rl \\/s);
});

describe('the guides in docs/providers', () => {
  const guide = (name: string) => readFileSync(new URL(`../../docs/providers/${name}`, import.meta.url), 'utf8');

  it('hold the very policies for S3', () => {
    const policies = [...guide('s3.md').matchAll(/```json\n(\{.*?\n\})\n```/gs)].map(([, text]) =>
      JSON.parse(text ?? ''),
    );
    expect(policies).toEqual(
      (['source', 'destination'] as const).map((use) => JSON.parse(s3Policy(use, 'YOUR-BUCKET'))),
    );
  });

  it('hold the very command for Azure', () => {
    const command = azureSasCommand('source', 'YOUR-ACCOUNT').replaceAll('\n', '\n  ');
    expect(guide('azure.md')).toContain(command);
  });
});

it('asks Google for reading only at a source, and for no administrator anywhere', () => {
  expect(gcsCommand('source', 'photos')).toMatch(/gs:\/\/photos .*--role roles\/storage\.objectViewer$/s);
  for (const use of ['destination', 'both'] as const) expect(gcsCommand(use, '')).toMatch(/storage\.objectUser$/);
});
