import { Anchor, TextInput } from '@mantine/core';
import { isEmail, isNotEmpty, useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { Link, useSearch } from 'wouter';
import { useSession } from '../app/session.ts';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { Notice } from '../ui/Notice.tsx';
import { SecretInput } from '../ui/SecretInput.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import { EmailInput } from './EmailInput.tsx';
import { newPasswordProblem } from './rules.ts';

const SignUpMutation = graphql(
  `
    mutation SignUp($input: SignUpInput!) {
      signUp(input: $input) {
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

/** A new account; the first one of an installation is its administrator's. */
export function SignUpPage() {
  const { instance, renew } = useSession();
  const search = useSearch();
  const [{ fetching }, signUp] = useMutation(SignUpMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { name: '', email: '', password: '' },
    validate: {
      name: isNotEmpty('Say how you want to be called.'),
      email: isEmail('Type a full e-mail address, such as ada@example.org.'),
      password: newPasswordProblem,
    },
  });

  const errors = useFormErrors(form, ['name', 'email', 'password']);

  const submit = form.onSubmit(async (input) => {
    errors.clear();
    const { data, error } = await signUp({ input });
    if (data?.signUp.user != null) return renew();
    errors.show(error, data?.signUp.userErrors);
  }, errors.focusFirst);

  const signIn = (
    <Anchor component={Link} href={search === '' ? '/sign-in' : `/sign-in?${search}`}>
      Sign in instead
    </Anchor>
  );

  if (!instance.signUpOpen && !instance.needsFirstUser) {
    return (
      <AuthLayout title="Sign-up is closed" lead="This Skyferry takes no new accounts." footer={signIn}>
        <Notice tone="info">Ask its administrator to open sign-up, or to let you in another way.</Notice>
      </AuthLayout>
    );
  }

  return (
    <AuthLayout
      title={instance.needsFirstUser ? 'Set up Skyferry' : 'Create an account'}
      lead={
        instance.needsFirstUser
          ? 'Nobody is here yet. The first account is the administrator’s.'
          : 'Your clouds and transfers are visible to you alone.'
      }
      footer={instance.needsFirstUser ? undefined : signIn}
    >
      <AuthForm
        onSubmit={submit}
        errors={errors.general}
        action={instance.needsFirstUser ? 'Create the administrator' : 'Create account'}
        sending={fetching}
      >
        <TextInput label="Name" autoComplete="name" key={form.key('name')} {...form.getInputProps('name')} />
        <EmailInput key={form.key('email')} {...form.getInputProps('email')} />
        <SecretInput
          label="Password"
          description="10 to 128 characters. A sentence that only you would say works well."
          autoComplete="new-password"
          key={form.key('password')}
          {...form.getInputProps('password')}
        />
      </AuthForm>
    </AuthLayout>
  );
}
