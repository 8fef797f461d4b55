import { hasLength } from '@mantine/form';

/** What is wrong with a new password; null: nothing. */
export const newPasswordProblem = hasLength({ min: 10, max: 128 }, 'Choose a password of 10 to 128 characters.');
