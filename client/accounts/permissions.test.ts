import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { azureCommands, azureTexts } from './azure-permissions.ts';
import { compatibleRights, gcsCommand, s3Policy } from './permissions.ts';

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

describe('for Azure', () => {
  const typed = { accountName: 'harbour', clientId: 'principal-1', container: 'photos' };

  it('asks for reading only at a source, whichever way the account is opened', () => {
    const source = { ...typed, use: 'source' } as const;
    for (const way of ['sas', 'connection'] as const) {
      expect(azureCommands[way](source)).toMatch(/--account-name harbour .*--permissions rl \\/s);
      expect(azureCommands[way]({ ...source, use: 'both' })).toMatch(/--permissions rlcwd \\/);
    }
    const roles = azureCommands.principal(source);
    expect(roles).toMatch(/--assignee principal-1 .*Data Reader.*harbour\/blobServices\/default\/containers\/photos"/s);
    expect(roles).toMatch(/Storage Blob Delegator.*storageAccounts\/harbour"$/s);
    expect(roles).not.toMatch(/Contributor|generate-sas/);
  });

  it('lets a principal write where bytes arrive, and sign for others only where they leave', () => {
    expect(azureCommands.principal({ ...typed, use: 'destination' })).not.toMatch(/Delegator|Reader/);
    expect(azureCommands.principal({ ...typed, use: 'both' })).toMatch(/Data Contributor.*Delegator/s);
  });

  it('makes a connection string that is read as one', () => {
    const last = azureCommands
      .connection({ ...typed, use: 'source' })
      .split('\n')
      .at(-1);
    expect(last).toBe('echo "BlobEndpoint=https://harbour.blob.core.windows.net;SharedAccessSignature=$SAS"');
  });

  it('says of an account key that it cannot be narrowed', () => {
    expect(azureCommands.key({ ...typed, use: 'source' })).toMatch(/keys list .*--account-name harbour/s);
    expect(azureTexts.key.explanation).toContain('opens everything');
  });
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

  it('hold the very commands for Azure', () => {
    const source = { use: 'source', accountName: '', clientId: '', container: '' } as const;
    expect(guide('azure.md')).toContain(azureCommands.sas(source).replaceAll('\n', '\n  '));
    expect(guide('azure.md')).toContain(azureCommands.principal(source));
  });
});

it('asks Google for reading only at a source, and for no administrator anywhere', () => {
  expect(gcsCommand('source', 'photos')).toMatch(/gs:\/\/photos .*--role roles\/storage\.objectViewer$/s);
  for (const use of ['destination', 'both'] as const) expect(gcsCommand(use, '')).toMatch(/storage\.objectUser$/);
});
