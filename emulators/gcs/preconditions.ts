import { GcsError } from './errors.ts';
import type { ObjectRecord } from './store/records.ts';

/**
 * Holds a request to its preconditions. Generation 0 stands for no live object.
 * https://cloud.google.com/storage/docs/request-preconditions
 * @param read looks a condition up: `GenerationMatch` and so on
 * @throws conditionNotMet; notModified for a `…NotMatch` of a request that reads
 */
export function checkPreconditions(
  current: ObjectRecord | undefined,
  read: (name: Condition) => string | null | undefined,
  isRead = false,
): void {
  const generation = current?.generation ?? '0';
  const metageneration = String(current?.metageneration ?? 0);
  const wanted = (name: Condition) => {
    const value = read(name) ?? undefined;
    if (value !== undefined && !/^-?\d+$/.test(value)) {
      throw new GcsError('invalid', `Invalid value for if${name}: ${value}`);
    }
    return value;
  };
  const differs = (name: Condition, actual: string) => {
    const value = wanted(name);
    return value !== undefined && value !== actual;
  };
  if (differs('GenerationMatch', generation) || differs('MetagenerationMatch', metageneration)) {
    throw new GcsError('conditionNotMet');
  }
  if (wanted('GenerationNotMatch') === generation || wanted('MetagenerationNotMatch') === metageneration) {
    throw new GcsError(isRead ? 'notModified' : 'conditionNotMet');
  }
}

export type Condition = 'GenerationMatch' | 'GenerationNotMatch' | 'MetagenerationMatch' | 'MetagenerationNotMatch';

/** Conditions of the JSON API: `ifGenerationMatch`, or `ifSourceGenerationMatch` of what is copied. */
export function queryConditions(query: URLSearchParams, prefix: 'if' | 'ifSource' = 'if') {
  return (name: Condition) => query.get(prefix + name);
}
