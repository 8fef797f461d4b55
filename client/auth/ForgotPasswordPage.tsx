import { Anchor } from '@mantine/core';
import { isEmail, useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { Link, Redirect } from 'wouter';
import { useSession } from '../app/session.ts';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { Notice } from '../ui/Notice.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { AuthForm } from './AuthForm.tsx';
import { AuthLayout } from './AuthLayout.tsx';
import { EmailInput } from './EmailInput.tsx';

const RequestPasswordResetMutation = graphql(
  `
    mutation RequestPasswordReset($input: RequestPasswordResetInput!) {
      requestPasswordReset(input: $input) {
        requested
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

/** Asks for a mail with a link that sets a new password. Says the same whether or not the address is known. */
export function ForgotPasswordPage() {
  const { instance } = useSession();
  const [{ data, fetching }, request] = useMutation(RequestPasswordResetMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { email: '' },
    validate: { email: isEmail('Type the e-mail address of your account.') },
  });
  const errors = useFormErrors(form, ['email']);

  const submit = form.onSubmit(async (input) => {
    errors.clear();
    const answer = await request({ input });
    errors.show(answer.error, answer.data?.requestPasswordReset.userErrors);
  }, errors.focusFirst);

  if (!instance.passwordResetAvailable) return <Redirect to="/sign-in" replace />;
  return (
    <AuthLayout
      title="Forgot your password?"
      lead="Skyferry sends you a link that sets a new one."
      footer={
        <Anchor component={Link} href="/sign-in">
          Back to sign in
        </Anchor>
      }
    >
      {data?.requestPasswordReset.requested === true ? (
        <Notice tone="good" announce="polite" title="Look into your mail">
          If an account has this address, a link is on its way. It is good for an hour.
        </Notice>
      ) : (
        <AuthForm onSubmit={submit} errors={errors.general} action="Send the link" sending={fetching}>
          <EmailInput key={form.key('email')} {...form.getInputProps('email')} />
        </AuthForm>
      )}
    </AuthLayout>
  );
}
