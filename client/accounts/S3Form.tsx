import { Stack, TextInput } from '@mantine/core';
import { isNotEmpty, type UseFormReturnType, useForm } from '@mantine/form';
import { useSession } from '../app/session.ts';
import { Choice } from '../ui/Choice.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { SecretInput } from '../ui/SecretInput.tsx';
import { ConnectingActions } from './ConnectingActions.tsx';
import { NameInput } from './NameInput.tsx';
import { nameProblem } from './rules.ts';
import { S3MoreSettings } from './S3MoreSettings.tsx';
import { opensByKey, type S3Values, s3Credentials, s3Fields, s3Initial } from './s3-values.ts';
import { type CredentialsFormProps, useConnecting } from './use-connecting.ts';

/** Connects Amazon S3 or a store that speaks its language, or gives such an account other keys. */
export function S3Form({ replaced, onDone, onTyped }: CredentialsFormProps) {
  const { machineIdentityAllowed } = useSession().instance;
  const initial = s3Initial(replaced);
  const form = useForm<S3Values>({
    initialValues: machineIdentityAllowed ? initial : { ...initial, method: 'key' },
    onValuesChange: ({ store }) => onTyped({ compatible: store === 'compatible' }),
    validate: {
      name: nameProblem,
      endpoint: (value, { store }) =>
        store === 'compatible' && !/^https?:\/\/\S+$/.test(value.trim())
          ? 'Type the address of the store, starting with https:// or http://.'
          : null,
      region: isNotEmpty('Type the region; stores without regions take us-east-1.'),
      accessKeyId: (value, values) => (opensByKey(values) && value.trim() === '' ? 'Type the access key ID.' : null),
      secretAccessKey: (value, values) =>
        opensByKey(values) && value.trim() === '' ? 'Type the secret access key.' : null,
      storageClass: (value) =>
        /^([A-Z][A-Z0-9_]{1,63})?$/.test(value.trim()) ? null : 'Type it as S3 names it, such as STANDARD_IA.',
    },
  });
  const { onSubmit, general, ...state } = useConnecting({
    form,
    fields: s3Fields,
    credentialsOf: s3Credentials,
    secret: 'secretAccessKey',
    replaced,
    onDone,
  });
  const compatible = form.values.store === 'compatible';
  const byKey = opensByKey(form.values);

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="lg">
        {replaced === undefined ? (
          <>
            <NameInput placeholder={compatible ? 'Backup store' : 'Company AWS'} {...form.getInputProps('name')} />
            <Choice
              label="Store"
              data={[
                { value: 'aws', label: 'Amazon S3' },
                { value: 'compatible', label: 'S3-compatible' },
              ]}
              value={form.values.store}
              onChange={(chosen) => form.setFieldValue('store', chosen)}
            />
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
            <Choice
              label="Addressing"
              data={[
                { value: 'PATH', label: 'By path' },
                { value: 'VIRTUAL', label: 'By host name' },
              ]}
              value={form.values.addressing}
              onChange={(chosen) => form.setFieldValue('addressing', chosen)}
              help={
                form.values.addressing === 'PATH'
                  ? 'https://store/bucket/file. Most stores want this.'
                  : 'https://bucket.store/file. Needs a wildcard name and certificate at the store.'
              }
            />
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
        {machineIdentityAllowed && !compatible ? (
          <Choice
            label="Opened with"
            data={[
              { value: 'key', label: 'Access key' },
              { value: 'machine', label: 'Machine' },
            ]}
            value={form.values.method}
            onChange={(chosen) => form.setFieldValue('method', chosen)}
            help={
              form.values.method === 'machine'
                ? 'Skyferry signs with the role of the machine that it runs on, as its operator allowed.'
                : undefined
            }
          />
        ) : null}
        {byKey ? <S3Keys form={form} compatible={compatible} /> : null}
        <S3MoreSettings form={form} />
        <FormErrors errors={general} />
        <ConnectingActions {...state} />
      </Stack>
    </form>
  );
}

function S3Keys({ form, compatible }: { form: UseFormReturnType<S3Values>; compatible: boolean }) {
  return (
    <>
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
    </>
  );
}
