import { notifications } from '@mantine/notifications';
import type { CombinedError } from 'urql';
import { problemOf } from '../graphql/problem.ts';
import { type UserError, userErrorText } from '../ui/user-errors.ts';

interface Answer {
  error?: CombinedError | undefined;
  userErrors: readonly UserError[] | undefined;
}

/** Says why something did not happen; what did happen shows in the state itself. Returns whether it did. */
export function reportRefusal(title: string, { error, userErrors }: Answer): boolean {
  const text = error === undefined ? userErrors?.map(userErrorText).join(' ') : problemOf(error).message;
  if (text === undefined || text === '') return true;
  notifications.show({ color: 'red', title, message: text, autoClose: 10_000 });
  return false;
}
