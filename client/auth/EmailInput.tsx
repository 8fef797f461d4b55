import { TextInput } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';

/** The e-mail address by which one signs in. */
export function EmailInput(props: GetInputPropsReturnType) {
  return <TextInput label="E-mail" type="email" autoComplete="username" {...props} />;
}
