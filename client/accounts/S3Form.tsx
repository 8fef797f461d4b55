import { SegmentedControl, Stack, TextInput } from '@mantine/core';
import { isNotEmpty, useForm } from '@mantine/form';
import { useId } from 'react';
import { FormErrors } from '../ui/FormErrors.tsx';
import { SecretInput } from '../ui/SecretInput.tsx';
import { ConnectingActions } from './ConnectingActions.tsx';
import classes from './forms.module.css';
import { type CredentialsFormProps, type CredentialsInput, useConnecting } from './use-connecting.ts';

interface S3Values {
  name: string;
  store: 'aws' | 'compatible';
  endpoint: string;
  region: string;
  addressing: 'PATH' | 'VIRTUAL';
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

const fields = ['name', 'endpoint', 'region', 'addressing', 'accessKeyId', 'secretAccessKey', 'sessionToken'] as const;

function credentialsOf(values: S3Values): CredentialsInput {
  const compatible = values.store === 'compatible';
  return {
    s3: {
      ...(compatible ? { endpoint: values.endpoint.trim() } : {}),
      region: values.region.trim(),
      addressing: compatible ? values.addressing : 'VIRTUAL',
      accessKeyId: values.accessKeyId.trim(),
      secretAccessKey: values.secretAccessKey.trim(),
      ...(values.sessionToken.trim() === '' ? {} : { sessionToken: values.sessionToken.trim() }),
    },
  };
}

/** Connects Amazon S3 or a store that speaks its language, or gives such an account other keys. */
export function S3Form({ replaced, onDone }: CredentialsFormProps) {
  const storeLabel = useId();
  const addressingLabel = useId();
  const form = useForm<S3Values>({
    initialValues: {
      name: replaced?.name ?? '',
      store: replaced?.endpoint == null ? 'aws' : 'compatible',
      endpoint: replaced?.endpoint ?? '',
      region: replaced?.region ?? 'us-east-1',
      addressing: 'PATH',
      accessKeyId: '',
      secretAccessKey: '',
      sessionToken: '',
    },
    validate: {
      name: isNotEmpty('Give the account a name that you will recognise.'),
      endpoint: (value, { store }) =>
        store === 'compatible' && !/^https?:\/\/\S+$/.test(value.trim())
          ? 'Type the address of the store, starting with https:// or http://.'
          : null,
      region: isNotEmpty('Type the region; stores without regions take us-east-1.'),
      accessKeyId: isNotEmpty('Type the access key ID.'),
      secretAccessKey: isNotEmpty('Type the secret access key.'),
    },
  });
  const { onSubmit, general, ...state } = useConnecting({
    form,
    fields,
    credentialsOf,
    secret: 'secretAccessKey',
    replaced,
    onDone,
  });
  const compatible = form.values.store === 'compatible';

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="lg">
        {replaced === undefined ? (
          <>
            <TextInput
              label="Name"
              description="How the account is called here. Only you see it."
              placeholder={compatible ? 'Backup store' : 'Company AWS'}
              {...form.getInputProps('name')}
            />
            <div>
              <div className={classes.label} id={storeLabel}>
                Store
              </div>
              <SegmentedControl
                fullWidth
                aria-labelledby={storeLabel}
                data={[
                  { value: 'aws', label: 'Amazon S3' },
                  { value: 'compatible', label: 'S3-compatible' },
                ]}
                {...form.getInputProps('store')}
              />
            </div>
          </>
        ) : null}
        {compatible ? (
          <>
            {replaced === undefined ? (
              <TextInput
                label="Endpoint"
                description="Where the store answers, without a bucket."
                placeholder="https://s3.example.com"
                inputMode="url"
                {...form.getInputProps('endpoint')}
              />
            ) : null}
            <div>
              <div className={classes.label} id={addressingLabel}>
                Addressing
              </div>
              <SegmentedControl
                fullWidth
                aria-labelledby={addressingLabel}
                data={[
                  { value: 'PATH', label: 'By path' },
                  { value: 'VIRTUAL', label: 'By host name' },
                ]}
                {...form.getInputProps('addressing')}
              />
              <p className={classes.help}>
                {form.values.addressing === 'PATH'
                  ? 'https://store/bucket/file. Most stores want this.'
                  : 'https://bucket.store/file. Needs a wildcard name and certificate at the store.'}
              </p>
            </div>
          </>
        ) : null}
        {replaced === undefined ? (
          <TextInput
            label="Region"
            description={
              compatible
                ? 'As the store’s documentation names it; us-east-1 where it has none.'
                : 'Where your buckets are. Buckets of another region need an account of their own.'
            }
            {...form.getInputProps('region')}
          />
        ) : null}
        <TextInput
          label="Access key ID"
          description={compatible ? undefined : 'Starts with AKIA, or with ASIA when it is temporary.'}
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('accessKeyId')}
        />
        <SecretInput
          label="Secret access key"
          description="Sealed before it is stored, and never shown again."
          autoComplete="off"
          {...form.getInputProps('secretAccessKey')}
        />
        <SecretInput
          label="Session token"
          description="Only with temporary keys. Leave it empty otherwise."
          autoComplete="off"
          {...form.getInputProps('sessionToken')}
        />
        <FormErrors errors={general} />
        <ConnectingActions {...state} />
      </Stack>
    </form>
  );
}
