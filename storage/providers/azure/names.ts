import { AppError } from '../../../core/errors.ts';
import type { Capabilities } from '../../capabilities.ts';
import { storableText } from '../metadata.ts';

function refuse(rule: string): never {
  throw new AppError('NAME_NOT_ALLOWED', `Azure cannot hold this name: ${rule}`);
}

/** Characters that the service refuses in the path of a URL: controls, and what is no character in Unicode. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const forbidden = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/;

/**
 * Rules of "Naming and Referencing Containers, Blobs, and Metadata" (Storage REST reference). Dots at the end of a
 * path segment get lost on the way, because clients and servers normalise URLs. A slash at the end is what the same page
 * advises against for that reason too, yet it is how folder markers are kept, and it survives here. Where folders are real
 * (hierarchical namespace), a slash at the end can only be that of a directory.
 */
export function checkBlobName(key: string, folders: Capabilities['folders'] = 'marker'): void {
  if (key === '') refuse('it is empty.');
  if (key.length > 1024) refuse('it is longer than 1,024 characters.');
  if (!key.isWellFormed()) refuse('it is not valid Unicode.');
  if (forbidden.test(key)) refuse('it holds control characters.');
  if (key.split('/').length > 254) refuse('it has more than 254 path segments.');
  if (/\.(\/|$)/.test(key)) refuse('a path segment ends with a dot.');
  if (folders === 'real' && key.endsWith('/')) refuse('it ends in a slash, which only directories do in this account.');
  if (key.includes('\\')) refuse('it holds a backslash, which the service takes for a slash.');
}

/** Throws CONTAINER_NOT_FOUND for a name that no container can have, so that it never gets into a URL. */
export function checkContainerName(name: string): void {
  if (/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^\$(root|web|logs)$/.test(name)) return;
  throw new AppError(
    'CONTAINER_NOT_FOUND',
    'No such container: names are 3 to 63 lower-case letters, digits and single dashes.',
  );
}

/**
 * Metadata names must be C# identifiers. Other characters become `_xHHHH_`, as .NET's XmlConvert.EncodeName writes
 * them, and an underscore that could be mistaken for the start of such a sequence is written so too: reversible.
 */
export function encodeMetadataName(name: string): string {
  return name
    .replace(/_(?=x[0-9a-f]{4}_)/gi, '_x005f_')
    .replace(/[^A-Za-z0-9_]/g, escapeUnit)
    .replace(/^[0-9]/, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `_x${unit.charCodeAt(0).toString(16).padStart(4, '0')}_`;
}

export function decodeMetadataName(name: string): string {
  const decode = (_all: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
  return storableText(name.replace(/_x([0-9a-f]{4})_/gi, decode));
}
