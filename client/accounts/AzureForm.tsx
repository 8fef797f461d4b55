import { Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { Choice } from '../ui/Choice.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { AzureSecrets } from './AzureSecrets.tsx';
import {
  type AzureMethod,
  type AzureValues,
  azureCredentials,
  azureFields,
  azureMethods,
  azureSecret,
} from './azure-values.ts';
import { ConnectingActions } from './ConnectingActions.tsx';
import { NameInput } from './NameInput.tsx';
import { endpointProblem, nameProblem } from './rules.ts';
import { type CredentialsFormProps, useConnecting } from './use-connecting.ts';

/** Connects an Azure storage account in one of four ways, or gives such an account other credentials. */
export function AzureForm({ replaced, onDone, onTyped }: CredentialsFormProps) {
  const form = useForm<AzureValues>({
    initialValues: {
      name: replaced?.name ?? '',
      accountName: replaced?.identity ?? '',
      method: 'sas',
      sasToken: '',
      accountKey: '',
      connectionString: '',
      tenantId: '',
      clientId: '',
      clientSecret: '',
      endpoint: replaced?.endpoint ?? '',
    },
    onValuesChange: ({ accountName, method, clientId }) =>
      onTyped({ accountName: accountName.trim(), azureMethod: method, clientId: clientId.trim() }),
    validate: {
      name: nameProblem,
      accountName: (value, { method }) =>
        method === 'connection' || /^[a-z0-9]{3,24}$/.test(value.trim())
          ? null
          : 'Type the name: 3 to 24 lower-case letters and digits.',
      sasToken: needed('sas', 'Paste the SAS token.'),
      accountKey: needed('key', 'Paste the account key.'),
      connectionString: needed('connection', 'Paste the connection string, the whole of it.'),
      tenantId: needed('principal', 'Type the directory (tenant) ID.'),
      clientId: needed('principal', 'Type the application (client) ID.'),
      clientSecret: needed('principal', 'Paste the value of a client secret.'),
      endpoint: (value, { method }) => (method === 'connection' ? null : endpointProblem(value)),
    },
  });
  const { method } = form.values;
  const { onSubmit, general, ...state } = useConnecting({
    form,
    fields: azureFields,
    credentialsOf: azureCredentials,
    secret: azureSecret[method],
    replaced,
    onDone,
  });
  // A connection string says itself which account it opens, and where.
  const asksPlace = replaced === undefined && method !== 'connection';

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="lg">
        <Choice
          label="Opened with"
          data={azureMethods}
          value={method}
          onChange={(chosen) => form.setFieldValue('method', chosen)}
        />
        {replaced === undefined ? <NameInput placeholder="Company Azure" {...form.getInputProps('name')} /> : null}
        {asksPlace ? (
          <TextInput
            label="Storage account"
            description="Its name as in the Azure portal: 3 to 24 lower-case letters and digits."
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('accountName')}
          />
        ) : null}
        <AzureSecrets form={form} />
        {asksPlace ? (
          <TextInput
            label="Endpoint"
            description="Only for other addresses than https://ACCOUNT.blob.core.windows.net, such as a sovereign cloud’s."
            inputMode="url"
            {...form.getInputProps('endpoint')}
          />
        ) : null}
        <FormErrors errors={general} />
        <ConnectingActions {...state} />
      </Stack>
    </form>
  );
}

const needed =
  (wanted: AzureMethod, message: string) =>
  (value: string, { method }: AzureValues) =>
    method === wanted && value.trim() === '' ? message : null;
