/* What is wrong with what was typed, by fields that several forms have; null: nothing. */

export function nameProblem(value: string): string | null {
  return value.trim() === '' ? 'Give the account a name that you will recognise.' : null;
}

/** Of an address that may be left out. */
export function endpointProblem(value: string): string | null {
  return value.trim() === '' || /^https?:\/\/\S+$/.test(value.trim())
    ? null
    : 'Type an address that starts with https:// or http://, or leave it empty.';
}

export function projectIdProblem(value: string): string | null {
  return /^\S{0,64}$/.test(value.trim()) ? null : 'Type the project’s ID: no blanks.';
}
