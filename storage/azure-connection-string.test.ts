import { describe, expect, it } from 'vitest';
import { parseAzureConnectionString } from './azure-connection-string.ts';
import { credentialsSchema } from './credentials.ts';

const key = 'a2V5LXdpdGg9c2lnbnM=';

describe('a connection string of Azure Storage', () => {
  it.each([
    [
      `DefaultEndpointsProtocol=https;AccountName=harbour;AccountKey=${key};EndpointSuffix=core.windows.net`,
      { accountName: 'harbour', accountKey: key },
    ],
    [
      ` accountname = harbour ; AccountKey=${key};EndpointSuffix=core.chinacloudapi.cn;\n`,
      { accountName: 'harbour', accountKey: key, endpoint: 'https://harbour.blob.core.chinacloudapi.cn' },
    ],
    [
      'BlobEndpoint=https://harbour.blob.core.windows.net/;QueueEndpoint=https://harbour.queue.core.windows.net/;SharedAccessSignature=sv=2024-08-04&sig=a%2Fb%3D',
      {
        accountName: 'harbour',
        sasToken: 'sv=2024-08-04&sig=a%2Fb%3D',
        endpoint: 'https://harbour.blob.core.windows.net',
      },
    ],
    [
      `AccountName=devstore;AccountKey=${key};DefaultEndpointsProtocol=http;BlobEndpoint=http://127.0.0.1:10000/devstore`,
      { accountName: 'devstore', accountKey: key, endpoint: 'http://127.0.0.1:10000/devstore' },
    ],
  ])('%s', (text, connection) => {
    expect(parseAzureConnectionString(text)).toEqual(connection);
    expect(credentialsSchema.parse({ provider: 'azure', connectionString: text })).toEqual({
      provider: 'azure',
      ...connection,
    });
  });

  it.each([
    ['Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=s3cret', 'Service Bus'],
    ['AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=s3cret==', 'Cosmos DB'],
    ['HostName=x.azure-devices.net;SharedAccessKeyName=n;SharedAccessKey=s3cret', 'IoT Hub'],
    ['Server=tcp:x.database.windows.net;Password=s3cret', 'a database'],
    ['postgres://user:s3cret@host/db', 'a database'],
    ['{"type":"service_account","private_key":"s3cret"}', 'Google Cloud'],
    ['AKIAIOSFODNN7EXAMPLE', 'Amazon S3'],
    ['UseDevelopmentStorage=true', 'local emulator'],
    ['FileEndpoint=https://x.file.core.windows.net;SharedAccessSignature=sig=s3cret', 'queues, files or tables'],
    ['AccountName=harbour;EndpointSuffix=core.windows.net', 'AccountKey'],
    ['AccountKey=s3cret', 'AccountName'],
    ['AccountName=harbour;AccountKey=s3cret;DefaultEndpointsProtocol=ftp', 'DefaultEndpointsProtocol'],
    ['AccountName=harbour;AccountKey=s3cret;EndpointSuffix=evil.example/x', 'EndpointSuffix'],
    ['AccountName=harbour;AccountKey=s3cret;SharedAccessSignature=sig=s3cret', 'both'],
    ['s3cret', 'Name=value'],
    [' ; ', 'empty'],
  ])('says of %s what is wrong, and repeats no secret', (text, words) => {
    const result = credentialsSchema.safeParse({ provider: 'azure', connectionString: text });
    const [issue] = result.error?.issues ?? [];
    expect(issue).toMatchObject({ path: ['connectionString'], message: expect.stringContaining(words) });
    expect(issue?.message).not.toContain('s3cret');
  });

  it('stands alone: beside a key, or beside the name of another account, it is refused', () => {
    const connectionString = `AccountName=harbour;AccountKey=${key}`;
    for (const more of [{ accountKey: key }, { sasToken: 'sig=x' }, { clientId: 'x' }, { accountName: 'other' }]) {
      const result = credentialsSchema.safeParse({ provider: 'azure', connectionString, ...more });
      expect(result.error?.issues[0]?.path).toEqual(['connectionString']);
    }
    expect(credentialsSchema.safeParse({ provider: 'azure', connectionString, accountName: 'harbour' }).success).toBe(
      true,
    );
  });
});
