import { AppError } from '../core/errors.ts';
import type { TagRules } from './capabilities.ts';

/** Tags of an object by their names. */
export type Tags = Record<string, string>;

/**
 * Credentials may do with an object what was asked, but not with tags, or not this at all: clouds do not tell which.
 * Code PERMISSION_DENIED, with what to allow in its message.
 */
export class TagsDenied extends AppError {
  constructor(message: string, cause: unknown) {
    super('PERMISSION_DENIED', `${message} Or leave tags behind.`, { cause });
  }
}

/** What of an object's tags a store takes; `dropped`: the names of the others, in their order. */
export function fittingTags(tags: Tags, rules: TagRules): { kept: Tags; dropped: string[] } {
  const [namePattern, valuePattern] = [new RegExp(rules.namePattern, 'u'), new RegExp(rules.valuePattern, 'u')];
  const kept: [string, string][] = [];
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(tags)) {
    const fits =
      kept.length < rules.maxTags &&
      name.length <= rules.maxNameLength &&
      value.length <= rules.maxValueLength &&
      namePattern.test(name) &&
      valuePattern.test(value);
    if (fits) kept.push([name, value]);
    else dropped.push(name);
  }
  return { kept: Object.fromEntries(kept), dropped };
}
