import { TextInput } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';

interface NameInputProps extends GetInputPropsReturnType {
  /** An example. */
  placeholder: string;
}

/** The name of a new account. */
export function NameInput(props: NameInputProps) {
  return <TextInput label="Name" description="What the account is called here. Only you see it." {...props} />;
}
