import { AppError } from '../../../core/errors.ts';

/** Files that desktop clients never sync, and the API refuses (help.dropbox.com, "Files that won't sync"). */
const ignored = /^(desktop\.ini|thumbs\.db|\.ds_store|icon\r|\.dropbox|\.dropbox\.attr)$/i;

/** Longest name between two slashes, in characters ("Path formats" in the HTTP reference). */
const maxNameLength = 255;

function refuse(rule: string): never {
  throw new AppError('NAME_NOT_ALLOWED', `Dropbox cannot hold this name: ${rule}`);
}

/** Rules for the key of a file. */
export function checkFileKey(key: string): void {
  if (key === '') refuse('it is empty.');
  if (!key.isWellFormed()) refuse('it is not valid Unicode.');
  if (key.endsWith('/')) refuse('it ends in a slash, as only folders do.');
  if (key.includes('\\')) refuse('it holds a backslash.');
  if (key.includes('\0') || key.includes('\u007f')) refuse('it holds a control character.');
  for (const name of key.split('/')) {
    if (name === '') refuse('it holds a folder without a name.');
    if (name === '.' || name === '..') refuse('a part of it is only dots.');
    if (name.endsWith(' ')) refuse('a part of it ends in a space.');
    if (name.length > maxNameLength) refuse(`a part of it is longer than ${maxNameLength} characters.`);
    if (ignored.test(name)) refuse(`Dropbox ignores files called ${JSON.stringify(name)}.`);
  }
}

/** Rules for the key of a folder, which ends in a slash. */
export function checkFolderKey(key: string): void {
  checkFileKey(key.slice(0, -1));
}

export function canExist(key: string): boolean {
  try {
    checkFileKey(key.replace(/\/$/, ''));
    return true;
  } catch {
    return false;
  }
}

/** Path of a key, of a file or a folder: with a slash before it and none behind. The root is empty. */
export function toPath(key: string): string {
  return key === '' ? '' : `/${key.replace(/\/$/, '')}`;
}
