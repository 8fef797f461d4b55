import { Stack } from '@mantine/core';
import type { ComponentProps, ReactNode } from 'react';
import { BusyButton } from '../ui/BusyButton.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';

interface AuthFormProps extends ComponentProps<typeof FormErrors> {
  onSubmit: ComponentProps<'form'>['onSubmit'];
  /** Name of the button that sends it. */
  action: string;
  /** Whether it was sent and is not answered. */
  sending: boolean;
  children: ReactNode;
}

/** What one fills in before one is signed in: what is wrong with it as a whole, its fields, and the button. */
export function AuthForm({ errors, onSubmit, action, sending, children }: AuthFormProps) {
  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap="md">
        <FormErrors errors={errors} />
        {children}
        <BusyButton type="submit" size="lg" loading={sending} mt="sm">
          {action}
        </BusyButton>
      </Stack>
    </form>
  );
}
