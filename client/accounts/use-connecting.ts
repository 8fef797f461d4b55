import type { UseFormReturnType } from '@mantine/form';
import { useState } from 'react';
import { useMutation } from 'urql';
import { graphql, type VariablesOf } from '../graphql/graphql.ts';
import { useIdempotencyKey } from '../graphql/idempotency.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { type ErrorTarget, useFormErrors } from '../ui/use-form-errors.ts';
import { type Account, AccountFragment } from './account.ts';
import type { AzureMethod } from './azure-values.ts';

const TestCredentialsMutation = graphql(
  `
    mutation TestCredentials($input: TestCredentialsInput!) {
      testCredentials(input: $input) {
        ok
        identity
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

const ConnectAccountMutation = graphql(
  `
    mutation ConnectAccount($input: ConnectAccountInput!) {
      connectAccount(input: $input) {
        account {
          ...Account
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [AccountFragment, UserErrorsFragment],
);

const UpdateCredentialsMutation = graphql(
  `
    mutation UpdateAccountCredentials($input: UpdateAccountCredentialsInput!) {
      updateAccountCredentials(input: $input) {
        account {
          ...Account
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [AccountFragment, UserErrorsFragment],
);

export type CredentialsInput = VariablesOf<typeof TestCredentialsMutation>['input']['credentials'];

/** What the permissions beside a form depend on. */
export interface TypedPlace {
  /** Storage account at Azure. */
  accountName: string;
  /** How the account at Azure is opened. */
  azureMethod: AzureMethod;
  /** Of a service principal at Azure. */
  clientId: string;
  /** At a store that speaks S3, other than Amazon's. */
  compatible: boolean;
}

/** What an untouched form holds. */
export const nothingTyped: TypedPlace = { accountName: '', azureMethod: 'sas', clientId: '', compatible: false };

/** What a form with credentials is for. */
export interface CredentialsFormProps {
  /** The account whose credentials are replaced. Absent: a new one. */
  replaced?: Account | undefined;
  /** Told what is typed, for the permissions beside the form. */
  onTyped: (typed: Partial<TypedPlace>) => void;
  onDone: (account: { id: string; name: string }) => void;
}

interface ConnectingOptions<Values> extends Omit<CredentialsFormProps, 'onTyped'> {
  form: UseFormReturnType<Values>;
  /** Names of the form's fields, in the order of the screen. */
  fields: readonly (keyof Values & string)[];
  credentialsOf: (values: Values) => CredentialsInput;
  /** Field that holds the secret: where a refusal of the credentials is shown. */
  secret: keyof Values & string;
}

/** Tests what is typed against the cloud itself, and saves it only once that succeeded. */
export function useConnecting<Values extends { name: string; endpoint: string }>(options: ConnectingOptions<Values>) {
  const { form, fields, credentialsOf, secret, replaced, onDone } = options;
  const [{ fetching: testing }, testCredentials] = useMutation(TestCredentialsMutation);
  const [{ fetching: connecting }, connectAccount] = useMutation(ConnectAccountMutation);
  const [{ fetching: replacing }, updateCredentials] = useMutation(UpdateCredentialsMutation);
  const [proof, setProof] = useState<{ credentials: string; identity: string } | null>(null);
  const idempotencyKey = useIdempotencyKey();
  const errors = useFormErrors<keyof Values & string>(form as unknown as ErrorTarget, fields, {
    CREDENTIALS_INVALID: secret,
    ENDPOINT_INVALID: 'endpoint',
    ENDPOINT_UNREACHABLE: 'endpoint',
    ADDRESS_NOT_ALLOWED: 'endpoint',
  });
  const typed = JSON.stringify(credentialsOf(form.values));
  const identity = proof?.credentials === typed ? proof.identity : null;

  const test = async (credentials: CredentialsInput): Promise<boolean> => {
    errors.clear();
    setProof(null);
    const { data, error } = await testCredentials({ input: { credentials } });
    const answer = data?.testCredentials;
    if (answer?.ok !== true) {
      errors.show(error, answer?.userErrors);
      return false;
    }
    setProof({ credentials: JSON.stringify(credentials), identity: answer.identity ?? '' });
    return true;
  };

  const connect = async (values: Values) => {
    const credentials = credentialsOf(values);
    if (replaced !== undefined) return replace(replaced, credentials);
    if (identity === null && !(await test(credentials))) return;
    const fields = { name: values.name.trim(), credentials };
    const { data, error } = await connectAccount({ input: { ...fields, idempotencyKey: idempotencyKey(fields) } });
    const account = data?.connectAccount.account;
    if (account == null) errors.show(error, data?.connectAccount.userErrors);
    else onDone(account);
  };

  /** The API tries them itself before it keeps them. */
  const replace = async ({ id }: Account, credentials: CredentialsInput) => {
    errors.clear();
    const { data, error } = await updateCredentials({ input: { id, credentials } });
    const account = data?.updateAccountCredentials.account;
    if (account == null) errors.show(error, data?.updateAccountCredentials.userErrors);
    else onDone(account);
  };

  /** Checks all but the name, which a test does not need. */
  const onTest = () => {
    const { errors: found } = form.validate();
    const { name: _, ...rest } = found;
    form.setErrors(rest);
    if (Object.keys(rest).length === 0) void test(credentialsOf(form.values));
    else errors.focusFirst(rest);
  };

  return {
    /** Errors that belong to no field. */
    general: errors.general,
    /** Who the cloud says these credentials are; null until tested as they stand. */
    identity,
    testing,
    connecting: connecting || replacing,
    replaces: replaced !== undefined,
    onTest,
    onSubmit: form.onSubmit(connect, errors.focusFirst),
  };
}
