import { badInput } from './errors.ts';
import type { Commit, WriteMode } from './tree.ts';

type Fields = Record<string, unknown>;

/** @throws ApiError 400 */
export function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw badInput(`Error in call to API function: ${name}: expected string`);
  return value;
}

/** @throws ApiError 400 */
export function flag(fields: Fields, name: string, fallback = false): boolean {
  const value = fields[name] ?? fallback;
  if (typeof value !== 'boolean') throw badInput(`Error in call to API function: ${name}: expected boolean`);
  return value;
}

/** A whole number of at least 0. @throws ApiError 400 */
export function integer(fields: Fields, name: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    throw badInput(`Error in call to API function: ${name}: expected integer from ${minimum} to ${maximum}`);
  }
  return value as number;
}

/** @throws ApiError 400 */
export function struct(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badInput(`Error in call to API function: ${name}: expected object`);
  }
  return value as Fields;
}

/** @throws ApiError 400 */
export function list(fields: Fields, name: string, maximum: number): Fields[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > maximum) {
    throw badInput(`Error in call to API function: ${name}: expected list of at most ${maximum} items`);
  }
  return value as Fields[];
}

/** A tag, written alone or as `{".tag": …}`. */
export function tagOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : ((value as { '.tag'?: string } | null | undefined)?.['.tag'] ?? undefined);
}

/** CommitInfo: https://www.dropbox.com/developers/documentation/http/documentation#files-upload @throws ApiError 400 */
export function commitOf(fields: Fields): Commit {
  const clientModified = fields.client_modified as string | undefined;
  if (clientModified !== undefined && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(clientModified)) {
    throw badInput(`Error in call to API function: client_modified: time data does not match format`);
  }
  return {
    path: text(fields, 'path'),
    mode: modeOf(fields.mode),
    autorename: flag(fields, 'autorename'),
    strictConflict: flag(fields, 'strict_conflict'),
    clientModified,
  };
}

function modeOf(value: unknown): WriteMode {
  const tag = tagOf(value) ?? 'add';
  if (tag === 'update') return { tag, rev: text(value as Fields, 'update') };
  if (tag === 'add' || tag === 'overwrite') return { tag };
  throw badInput('Error in call to API function: mode: unknown tag');
}
