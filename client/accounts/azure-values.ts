import type { CredentialsInput } from './use-connecting.ts';

/** The ways into an Azure storage account. */
export type AzureMethod = 'sas' | 'key' | 'connection' | 'principal';

/** What is typed to open an Azure storage account. */
export interface AzureValues {
  name: string;
  accountName: string;
  method: AzureMethod;
  sasToken: string;
  accountKey: string;
  connectionString: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
  endpoint: string;
}

export const azureMethods = [
  { value: 'sas', label: 'SAS token' },
  { value: 'key', label: 'Account key' },
  { value: 'connection', label: 'Connection string' },
  { value: 'principal', label: 'Service principal' },
] as const;

/** In the order of the screen. */
export const azureFields = [
  'name',
  'accountName',
  'sasToken',
  'accountKey',
  'connectionString',
  'tenantId',
  'clientId',
  'clientSecret',
  'endpoint',
] as const;

/** Where a refusal of the credentials is shown. */
export const azureSecret = {
  sas: 'sasToken',
  key: 'accountKey',
  connection: 'connectionString',
  principal: 'clientSecret',
} as const satisfies Record<AzureMethod, keyof AzureValues>;

export function azureCredentials(values: AzureValues): CredentialsInput {
  const { method, tenantId, clientId } = values;
  const secret = { [azureSecret[method]]: values[azureSecret[method]].trim() };
  if (method === 'connection') return { azure: secret };
  return {
    azure: {
      accountName: values.accountName.trim(),
      ...secret,
      ...(method === 'principal' ? { tenantId: tenantId.trim(), clientId: clientId.trim() } : {}),
      ...(values.endpoint.trim() === '' ? {} : { endpoint: values.endpoint.trim() }),
    },
  };
}
