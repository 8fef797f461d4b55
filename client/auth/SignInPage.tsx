import { Anchor } from '@mantine/core';
import { isEmail, isNotEmpty, useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { Link, useSearch } from 'wouter';
import { useSession } from '../app/session.ts';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { SecretInput } from '../ui/SecretInput.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import { EmailInput } from './EmailInput.tsx';

const SignInMutation = graphql(
  `
    mutation SignIn($input: SignInInput!) {
      signIn(input: $input) {
        user {
          id
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

/** E-mail and password, and on to where the visitor wanted to go. */
export function SignInPage() {
  const { instance, renew } = useSession();
  const search = useSearch();
  const [{ fetching }, signIn] = useMutation(SignInMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { email: '', password: '' },
    validate: {
      email: isEmail('Type the e-mail address of your account.'),
      password: isNotEmpty('Type your password.'),
    },
  });

  const errors = useFormErrors(form, ['email', 'password']);

  const submit = form.onSubmit(async (input) => {
    errors.clear();
    const { data, error } = await signIn({ input });
    if (data?.signIn.user != null) return renew();
    errors.show(error, data?.signIn.userErrors);
  }, errors.focusFirst);

  const signUp = search === '' ? '/sign-up' : `/sign-up?${search}`;
  return (
    <AuthLayout
      title="Sign in"
      lead="Welcome back on board."
      footer={
        <>
          {instance.signUpOpen ? (
            <Anchor component={Link} href={signUp}>
              Create an account
            </Anchor>
          ) : (
            <span>New accounts are closed here. Ask the administrator of this Skyferry for one.</span>
          )}
          {instance.passwordResetAvailable ? (
            <Anchor component={Link} href="/forgot-password">
              Forgot your password?
            </Anchor>
          ) : null}
        </>
      }
    >
      <AuthForm onSubmit={submit} errors={errors.general} action="Sign in" sending={fetching}>
        <EmailInput key={form.key('email')} {...form.getInputProps('email')} />
        <SecretInput
          label="Password"
          autoComplete="current-password"
          key={form.key('password')}
          {...form.getInputProps('password')}
        />
      </AuthForm>
    </AuthLayout>
  );
}
