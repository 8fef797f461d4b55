import { Notice } from './Notice.tsx';
import { type UserError, userErrorText } from './user-errors.ts';

/** What is wrong with a form as a whole. */
export function FormErrors({ errors }: { errors: readonly Pick<UserError, 'message' | 'remedy'>[] }) {
  if (errors.length === 0) return null;
  return (
    <Notice tone="bad" announce="assertive">
      {errors.map((error) => (
        <div key={error.message}>{userErrorText(error)}</div>
      ))}
    </Notice>
  );
}
