import { Group, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconExternalLink } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import type { Account } from './account.ts';
import { NameInput } from './NameInput.tsx';
import { type OAuthProvider, rememberDeparture } from './oauth.ts';
import { nameProblem, projectIdProblem } from './rules.ts';

const StartOAuthMutation = graphql(
  `
    mutation StartOAuth($input: StartOAuthInput!) {
      startOAuth(input: $input) {
        authorizationUrl
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

interface OAuthFormProps {
  provider: OAuthProvider;
  /** Whose sign-in it is: `Dropbox`, `Google`. */
  company: string;
  /** The account whose grant is replaced. Absent: a new one. */
  replaced?: Account | undefined;
  /** Asks for a project too. */
  withProject?: boolean;
  /** What is filled in when the form appears; absent: nothing. `onShared` is told what is typed over it. */
  shared?: SharedValues;
  onShared?: (values: SharedValues) => void;
  /** Below the name: what happens next. */
  children?: ReactNode;
}

/** What is asked for however an account is opened. */
export interface SharedValues {
  name: string;
  projectId: string;
}

/** Sends the person to the cloud, to sign in and agree there; /accounts/connected goes on. */
export function OAuthForm(props: OAuthFormProps) {
  const { provider, company, replaced, withProject = false, shared, onShared, children } = props;
  const [{ fetching }, start] = useMutation(StartOAuthMutation);
  const form = useForm({
    initialValues: shared ?? { name: '', projectId: '' },
    onValuesChange: (values) => onShared?.(values),
    validate: {
      name: (value) => (replaced === undefined ? nameProblem(value) : null),
      projectId: projectIdProblem,
    },
  });
  const errors = useFormErrors(form, ['name', 'projectId']);

  const submit = form.onSubmit(async ({ name, projectId }) => {
    errors.clear();
    const accountId = replaced?.id ?? null;
    const { data, error } = await start({ input: { provider, accountId } });
    const url = data?.startOAuth.authorizationUrl;
    if (url == null) return errors.show(error, data?.startOAuth.userErrors);
    rememberDeparture(url, { name: replaced === undefined ? name.trim() : '', projectId: projectId.trim(), accountId });
    window.location.assign(url);
  }, errors.focusFirst);

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        {replaced === undefined ? <NameInput placeholder={`My ${company}`} {...form.getInputProps('name')} /> : null}
        {children}
        {withProject ? (
          <TextInput
            label="Project ID"
            description="Whose buckets are shown. Without one, buckets are opened by name."
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('projectId')}
          />
        ) : null}
        <FormErrors errors={errors.general} />
        <Group gap="sm">
          <BusyButton type="submit" loading={fetching} rightSection={<IconExternalLink size={18} aria-hidden />}>
            Continue to {company}
          </BusyButton>
        </Group>
      </Stack>
    </form>
  );
}
