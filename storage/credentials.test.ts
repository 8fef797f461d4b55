import { describe, expect, it } from 'vitest';
import { credentialsSchema } from './credentials.ts';

const s3 = { provider: 's3', accessKeyId: 'AK', secretAccessKey: 'SK' };
const azure = { provider: 'azure', accountName: 'account', accountKey: 'a2V5' };

describe('credentials', () => {
  it('fill in what most accounts share, and drop blanks that were pasted', () => {
    expect(credentialsSchema.parse({ ...s3, accessKeyId: ' AK\n', secretAccessKey: 'S/K+ ' })).toEqual({
      ...s3,
      secretAccessKey: 'S/K+',
      region: 'us-east-1',
      addressing: 'virtual',
    });
    expect(credentialsSchema.parse({ ...azure, accountKey: ' a2V5\n' })).toEqual(azure);
    const { accountKey: _, ...account } = azure;
    const sasToken = '?sv=2024-08-04&sig=a%2Fb%3D';
    expect(credentialsSchema.parse({ ...account, sasToken })).toEqual({ ...account, sasToken });
  });

  it('take the identity of the machine, a service principal, and what S3 is to do with what it keeps', () => {
    const machine = { provider: 's3', region: 'eu-central-1', addressing: 'virtual', useMachineIdentity: true };
    const kept = { storageClass: 'STANDARD_IA', serverSideEncryption: 'aws:kms', kmsKeyId: 'alias/k' };
    expect(credentialsSchema.parse({ ...machine, ...kept, requesterPays: true })).toEqual({
      ...machine,
      ...kept,
      requesterPays: true,
    });
    const { accountKey: _, ...account } = azure;
    const principal = { ...account, tenantId: 'contoso.example', clientId: 'client', clientSecret: 'se cret' };
    expect(credentialsSchema.parse(principal)).toEqual(principal);
  });

  // Region and account name become part of a host name, keys and tokens part of headers.
  it.each([
    [{ ...s3, region: 'evil.example/' }, 'region'],
    [{ ...s3, region: 'a@b' }, 'region'],
    [{ ...s3, accessKeyId: 'A\r\nX: y' }, 'accessKeyId'],
    [{ ...s3, accessKeyId: '' }, 'accessKeyId'],
    [{ ...s3, sessionToken: 'tökén' }, 'sessionToken'],
    [{ ...s3, endpoint: 'file:///etc/passwd' }, 'endpoint'],
    [{ ...s3, endpoint: 'store.example' }, 'endpoint'],
    [{ ...s3, endpoint: `https://store.example/${'a'.repeat(2048)}` }, 'endpoint'],
    [{ ...azure, accountName: 'evil.example/' }, 'accountName'],
    [{ ...azure, accountName: 'Upper' }, 'accountName'],
    [{ ...azure, accountKey: 'not base64!' }, 'accountKey'],
    [{ ...azure, accountKey: 'a2V5'.repeat(257) }, 'accountKey'],
    [{ ...azure, accountKey: undefined }, 'accountKey'],
    [{ ...azure, sasToken: 'sig=x' }, 'accountKey'],
    [{ ...azure, accountKey: undefined, sasToken: 'https://x/?sig=y' }, 'sasToken'],
    [{ ...azure, accountKey: undefined, sasToken: 'sig=y#z' }, 'sasToken'],
    [{ ...azure, accountKey: undefined, sasToken: 'sv=2024-08-04&sig=a%2' }, 'sasToken'],
    [{ ...azure, accountKey: undefined, sasToken: 'sv=2024-08-04&sig=a%FFb' }, 'sasToken'],
    [{ ...s3, useMachineIdentity: true }, 'accessKeyId'],
    [{ provider: 's3' }, 'accessKeyId'],
    [{ ...s3, accessKeyId: undefined }, 'accessKeyId'],
    [{ ...s3, secretAccessKey: undefined }, 'secretAccessKey'],
    [{ ...s3, secretAccessKey: 'wrapped\nby a terminal' }, 'secretAccessKey'],
    [{ ...azure, accountKey: undefined, tenantId: 't', clientId: 'c', clientSecret: 'a\r\nb' }, 'clientSecret'],
    [{ ...s3, storageClass: 'standard\r\nx: y' }, 'storageClass'],
    [{ ...s3, serverSideEncryption: 'rot13' }, 'serverSideEncryption'],
    [{ ...s3, kmsKeyId: 'alias/k' }, 'kmsKeyId'],
    [{ ...azure, tenantId: 't' }, 'accountKey'],
    [{ ...azure, accountKey: undefined, tenantId: 't', clientId: 'c' }, 'clientSecret'],
    [{ ...azure, accountKey: undefined, tenantId: '../x', clientId: 'c', clientSecret: 's' }, 'tenantId'],
    [{ provider: 'ftp' }, 'provider'],
  ])('refuse %j by the field', (value, field) => {
    const result = credentialsSchema.safeParse(value);
    expect(result.error?.issues.map((issue) => issue.path[0])).toContain(field);
  });
});
