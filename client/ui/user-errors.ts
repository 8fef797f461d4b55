/** What a mutation says that its caller can mend. */
export interface UserError {
  /** Path of the input field at fault; null: the input as a whole. */
  field: readonly string[] | null;
  code: string;
  message: string;
  remedy: string;
}

/** A user error in one breath: what is wrong and what to do. */
export function userErrorText({ message, remedy }: Pick<UserError, 'message' | 'remedy'>): string {
  return remedy === '' || message.includes(remedy) ? message : `${message} ${remedy}`;
}

/**
 * Splits user errors into those that belong to a field of the form (by the innermost name in their path that the form
 * has, else by what its code is about) and those that concern the whole.
 */
export function sortUserErrors<Field extends string>(
  userErrors: readonly UserError[],
  fields: readonly Field[],
  fieldByCode: Readonly<Record<string, Field>> = {},
): { byField: Partial<Record<Field, string>>; general: UserError[] } {
  const byField: Partial<Record<Field, string>> = {};
  const general: UserError[] = [];
  for (const error of userErrors) {
    const named = error.field?.toReversed().find((name): name is Field => fields.includes(name as Field));
    const byCode = fieldByCode[error.code];
    const field = named ?? (byCode !== undefined && fields.includes(byCode) ? byCode : undefined);
    if (field === undefined) general.push(error);
    else byField[field] ??= userErrorText(error);
  }
  return { byField, general };
}
