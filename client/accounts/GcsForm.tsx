import { Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useSession } from '../app/session.ts';
import { Choice } from '../ui/Choice.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import type { Account } from './account.ts';
import { ConnectingActions } from './ConnectingActions.tsx';
import classes from './forms.module.css';
import { KeyFileInput } from './KeyFileInput.tsx';
import { NameInput } from './NameInput.tsx';
import { OAuthForm, type SharedValues } from './OAuthForm.tsx';
import { endpointProblem, nameProblem, projectIdProblem } from './rules.ts';
import { readServiceAccountKey } from './service-account-key.ts';
import { type CredentialsFormProps, type CredentialsInput, useConnecting } from './use-connecting.ts';

type Method = 'key' | 'google' | 'machine';

interface GcsValues extends SharedValues {
  serviceAccountKey: string;
  endpoint: string;
}

const fields = ['name', 'serviceAccountKey', 'projectId', 'endpoint'] as const;

function credentialsOf(method: Method, values: GcsValues): CredentialsInput {
  const [projectId, endpoint] = [values.projectId.trim(), values.endpoint.trim()];
  return {
    gcs: {
      ...(method === 'key' ? { serviceAccountKey: values.serviceAccountKey.trim() } : { useMachineIdentity: true }),
      ...(projectId === '' ? {} : { projectId }),
      ...(endpoint === '' ? {} : { endpoint }),
    },
  };
}

/**
 * How an account was opened, as far as its name tells: the addresses of service accounts have a domain of their own, and
 * people need not show theirs.
 */
function methodOf({ identity }: Account): Method {
  if (identity.endsWith('.gserviceaccount.com')) return 'key';
  return identity === 'the identity of this machine' ? 'machine' : 'google';
}

/** Connects Google Cloud Storage in one of the ways that are open here, or gives such an account another key or grant. */
export function GcsForm(props: CredentialsFormProps) {
  const { oauthProviders, machineIdentityAllowed } = useSession().instance;
  const methods: { value: Method; label: string }[] = [
    { value: 'key', label: 'Key file' },
    ...(oauthProviders.includes('GCS') ? [{ value: 'google' as const, label: 'Google account' }] : []),
    ...(machineIdentityAllowed ? [{ value: 'machine' as const, label: 'Machine' }] : []),
  ];
  const known = props.replaced === undefined ? 'key' : methodOf(props.replaced);
  const [method, setMethod] = useState<Method>(methods.some(({ value }) => value === known) ? known : 'key');
  const [shared, setShared] = useState<SharedValues>({
    name: props.replaced?.name ?? '',
    projectId: props.replaced?.projectId ?? '',
  });
  const sharing = { shared, onShared: setShared };
  return (
    <Stack gap="lg">
      {/* Outside the forms, so that it keeps the focus when one takes the place of the other. */}
      {methods.length === 1 ? null : <Choice label="Opened with" data={methods} value={method} onChange={setMethod} />}
      {method === 'google' ? (
        <OAuthForm provider="GCS" company="Google" replaced={props.replaced} withProject {...sharing} />
      ) : (
        <GcsKeyForm {...props} method={method} {...sharing} />
      )}
    </Stack>
  );
}

interface GcsKeyFormProps extends CredentialsFormProps {
  method: Method;
  shared: SharedValues;
  onShared: (values: SharedValues) => void;
}

function GcsKeyForm({ replaced, onDone, method, shared, onShared }: GcsKeyFormProps) {
  const form = useForm<GcsValues>({
    initialValues: {
      ...shared,
      serviceAccountKey: '',
      endpoint: replaced?.endpoint ?? '',
    },
    onValuesChange: ({ name, projectId }) => onShared({ name, projectId }),
    validate: {
      name: nameProblem,
      serviceAccountKey: (value) => (method === 'key' ? readServiceAccountKey(value).problem : null),
      projectId: projectIdProblem,
      endpoint: endpointProblem,
    },
  });
  const { onSubmit, general, ...state } = useConnecting({
    form,
    fields,
    credentialsOf: (values) => credentialsOf(method, values),
    secret: 'serviceAccountKey',
    replaced,
    onDone,
  });
  const { onChange, ...keyProps } = form.getInputProps('serviceAccountKey');
  const { email } = readServiceAccountKey(form.values.serviceAccountKey);

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="lg">
        {replaced === undefined ? <NameInput placeholder="Company Google" {...form.getInputProps('name')} /> : null}
        {method === 'key' ? (
          <div>
            <KeyFileInput
              label="Key of a service account"
              description="Drop the JSON file here, or paste its text. Sealed before it is stored, and never shown again."
              onProblem={(message) => form.setFieldError('serviceAccountKey', message)}
              onChange={onChange}
              {...keyProps}
              value={form.values.serviceAccountKey}
            />
            {email === null ? null : (
              <p className={classes.help} role="status">
                Key of {email}
              </p>
            )}
          </div>
        ) : (
          <div>Skyferry signs in as the service account of the machine that it runs on, as its operator allowed.</div>
        )}
        <TextInput
          label="Project ID"
          description="Whose buckets are shown. Leave it empty for the service account’s own project."
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('projectId')}
        />
        {replaced === undefined ? (
          <TextInput
            label="Endpoint"
            description="Only for other addresses than https://storage.googleapis.com."
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
