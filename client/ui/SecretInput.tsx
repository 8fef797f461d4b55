import { PasswordInput, type PasswordInputProps } from '@mantine/core';
import { useId } from 'react';

/**
 * A field for a password or key that can be shown while typing. Adds to Mantine's what screen readers need: that the
 * field is wrong, why, and what it is for.
 */
export function SecretInput({ error, description, ...props }: PasswordInputProps) {
  const id = useId();
  const described = [error ? `${id}-error` : '', description ? `${id}-description` : ''].filter((part) => part !== '');
  return (
    <PasswordInput
      id={id}
      error={error}
      description={description}
      aria-invalid={error ? true : undefined}
      aria-describedby={described.length === 0 ? undefined : described.join(' ')}
      visibilityToggleFocusable
      visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
      {...props}
    />
  );
}
