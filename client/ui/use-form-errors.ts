import { useState } from 'react';
import type { CombinedError } from 'urql';
import { problemOf } from '../graphql/problem.ts';
import { sortUserErrors, type UserError } from './user-errors.ts';

type GeneralError = Pick<UserError, 'message' | 'remedy'>;

/** The part of Mantine's form that showing errors needs. */
export interface ErrorTarget {
  setErrors: (errors: Record<string, string>) => void;
  getInputNode: (field: string) => HTMLElement | null;
}

/**
 * Shows what a mutation answered on its form: beside the fields at fault, the first of which gets the focus, and as a
 * whole. `fieldByCode` tells which field an error is about that names none. Without a form (a button that does something) all of it concerns the whole.
 */
export function useFormErrors<Field extends string = never>(
  form: ErrorTarget | null = null,
  fields: readonly Field[] = [],
  fieldByCode: Readonly<Record<string, Field>> = {},
) {
  const [general, setGeneral] = useState<readonly GeneralError[]>([]);

  const focusFirst = (errors: Partial<Record<string, unknown>>) => {
    const first = fields.find((field) => errors[field] != null);
    if (first !== undefined) form?.getInputNode(first)?.focus();
  };

  const show = (error: CombinedError | undefined, userErrors: readonly UserError[] = []) => {
    if (error !== undefined) {
      const { message, remedy } = problemOf(error);
      return setGeneral([{ message, remedy: remedy ?? '' }]);
    }
    // What is about a field that the form does not show now concerns the whole.
    const shown = fields.filter((field) => form?.getInputNode(field) != null);
    const sorted = sortUserErrors(userErrors, shown, fieldByCode);
    form?.setErrors(sorted.byField as Record<string, string>);
    setGeneral(sorted.general);
    focusFirst(sorted.byField);
  };

  return { general, clear: () => setGeneral([]), show, focusFirst };
}
