import { TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { SecretInput } from '../ui/SecretInput.tsx';
import type { AzureValues } from './azure-values.ts';

/** The fields of the way in which an Azure account is opened. */
export function AzureSecrets({ form }: { form: UseFormReturnType<AzureValues> }) {
  switch (form.values.method) {
    case 'sas':
      return (
        <SecretInput
          label="SAS token"
          description="With or without the leading question mark. Sealed before it is stored, and never shown again."
          placeholder="sv=…&sig=…"
          autoComplete="off"
          {...form.getInputProps('sasToken')}
        />
      );
    case 'key':
      return (
        <SecretInput
          label="Account key"
          description="Azure portal: Security + networking, Access keys. Sealed before it is stored, and never shown again."
          autoComplete="off"
          {...form.getInputProps('accountKey')}
        />
      );
    case 'connection':
      return (
        <SecretInput
          label="Connection string"
          description="Azure portal: Security + networking, Access keys or Shared access signature. It names the account too. Sealed before it is stored, and never shown again."
          placeholder="DefaultEndpointsProtocol=https;AccountName=…"
          autoComplete="off"
          {...form.getInputProps('connectionString')}
        />
      );
    case 'principal':
      return (
        <>
          <TextInput
            label="Tenant ID"
            description="Azure portal: Microsoft Entra ID, App registrations, your app: Directory (tenant) ID."
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('tenantId')}
          />
          <TextInput
            label="Client ID"
            description="There too: Application (client) ID."
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('clientId')}
          />
          <SecretInput
            label="Client secret"
            description="Its value, not its ID: Certificates & secrets. Sealed before it is stored, and never shown again."
            autoComplete="off"
            {...form.getInputProps('clientSecret')}
          />
        </>
      );
  }
}
