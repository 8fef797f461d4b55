import { Anchor } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { Link, useSearchParams } from 'wouter';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { Notice } from '../ui/Notice.tsx';
import { SecretInput } from '../ui/SecretInput.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import { newPasswordProblem } from './rules.ts';

const ResetPasswordMutation = graphql(
  `
    mutation ResetPassword($input: ResetPasswordInput!) {
      resetPassword(input: $input) {
        reset
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

/** Where the link in the mail leads: sets a new password. */
export function ResetPasswordPage() {
  const [parameters] = useSearchParams();
  const token = parameters.get('token') ?? '';
  const [{ data, fetching }, reset] = useMutation(ResetPasswordMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { password: '' },
    validate: { password: newPasswordProblem },
  });
  const errors = useFormErrors(form, ['password']);

  const submit = form.onSubmit(async ({ password }) => {
    errors.clear();
    const answer = await reset({ input: { token, password } });
    errors.show(answer.error, answer.data?.resetPassword.userErrors);
  }, errors.focusFirst);

  const signIn = (
    <Anchor component={Link} href="/sign-in">
      Sign in
    </Anchor>
  );
  if (data?.resetPassword.reset === true) {
    return (
      <AuthLayout title="Your password is set" lead="Use it from now on." footer={signIn}>
        <Notice tone="good" announce="polite">
          You are signed out everywhere else.
        </Notice>
      </AuthLayout>
    );
  }
  return (
    <AuthLayout title="Choose a new password" lead="It replaces the old one at once." footer={signIn}>
      {token === '' ? (
        <Notice tone="warn">This address has no reset token in it. Open the link from the mail once more.</Notice>
      ) : (
        <AuthForm onSubmit={submit} errors={errors.general} action="Set the password" sending={fetching}>
          <SecretInput
            label="New password"
            description="10 to 128 characters."
            autoComplete="new-password"
            key={form.key('password')}
            {...form.getInputProps('password')}
          />
        </AuthForm>
      )}
    </AuthLayout>
  );
}
