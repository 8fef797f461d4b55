import { SegmentedControl, Stack, TextInput } from '@mantine/core';
import { isNotEmpty, useForm } from '@mantine/form';
import { useId } from 'react';
import { FormErrors } from '../ui/FormErrors.tsx';
import { SecretInput } from '../ui/SecretInput.tsx';
import { ConnectingActions } from './ConnectingActions.tsx';
import classes from './forms.module.css';
import { type CredentialsFormProps, type CredentialsInput, useConnecting } from './use-connecting.ts';

interface AzureValues {
  name: string;
  accountName: string;
  method: 'sas' | 'key';
  sasToken: string;
  accountKey: string;
  endpoint: string;
}

const fields = ['name', 'accountName', 'sasToken', 'accountKey', 'endpoint'] as const;

function credentialsOf(values: AzureValues): CredentialsInput {
  return {
    azure: {
      accountName: values.accountName.trim(),
      ...(values.method === 'sas' ? { sasToken: values.sasToken.trim() } : { accountKey: values.accountKey.trim() }),
      ...(values.endpoint.trim() === '' ? {} : { endpoint: values.endpoint.trim() }),
    },
  };
}

interface AzureFormProps extends CredentialsFormProps {
  /** Told what is typed, for the permissions beside the form. */
  onAccountName: (accountName: string) => void;
}

/** Connects an Azure storage account by SAS token or account key, or gives such an account another one. */
export function AzureForm({ replaced, onDone, onAccountName }: AzureFormProps) {
  const methodLabel = useId();
  const form = useForm<AzureValues>({
    initialValues: {
      name: replaced?.name ?? '',
      accountName: replaced?.identity ?? '',
      method: 'sas',
      sasToken: '',
      accountKey: '',
      endpoint: replaced?.endpoint ?? '',
    },
    onValuesChange: ({ accountName }) => onAccountName(accountName.trim()),
    validate: {
      name: isNotEmpty('Give the account a name that you will recognise.'),
      accountName: (value) =>
        /^[a-z0-9]{3,24}$/.test(value.trim()) ? null : 'Type the name: 3 to 24 lower-case letters and digits.',
      sasToken: (value, { method }) => (method === 'sas' && value.trim() === '' ? 'Paste the SAS token.' : null),
      accountKey: (value, { method }) => (method === 'key' && value.trim() === '' ? 'Paste the account key.' : null),
      endpoint: (value) =>
        value.trim() === '' || /^https?:\/\/\S+$/.test(value.trim())
          ? null
          : 'Type an address that starts with https:// or http://, or leave it empty.',
    },
  });
  const { onSubmit, general, ...state } = useConnecting({
    form,
    fields,
    credentialsOf,
    secret: form.values.method === 'sas' ? 'sasToken' : 'accountKey',
    replaced,
    onDone,
  });

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="lg">
        {replaced === undefined ? (
          <>
            <TextInput
              label="Name"
              description="How the account is called here. Only you see it."
              placeholder="Company Azure"
              {...form.getInputProps('name')}
            />
            <TextInput
              label="Storage account"
              description="Its name as in the Azure portal: 3 to 24 lower-case letters and digits."
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps('accountName')}
            />
          </>
        ) : null}
        <div>
          <div className={classes.label} id={methodLabel}>
            Opened with
          </div>
          <SegmentedControl
            fullWidth
            aria-labelledby={methodLabel}
            data={[
              { value: 'sas', label: 'SAS token' },
              { value: 'key', label: 'Account key' },
            ]}
            {...form.getInputProps('method')}
          />
        </div>
        {form.values.method === 'sas' ? (
          <SecretInput
            label="SAS token"
            description="With or without the leading question mark. Sealed before it is stored, and never shown again."
            placeholder="sv=…&sig=…"
            autoComplete="off"
            {...form.getInputProps('sasToken')}
          />
        ) : (
          <SecretInput
            label="Account key"
            description="Azure portal: Security + networking, Access keys. Sealed before it is stored, and never shown again."
            autoComplete="off"
            {...form.getInputProps('accountKey')}
          />
        )}
        {replaced === undefined ? (
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
