import type { Selection } from '../browse/selection.ts';
import { formatBytes, formatQuantity } from '../ui/format.ts';

/** What is picked, in words: `the folder photos`, `2 folders and 3 files (1.2 MiB)`; sizes of folders are not known yet. */
export function selectionText(selection: Selection): string {
  const entries = [...selection.values()];
  const [only] = entries;
  if (only !== undefined && entries.length === 1) {
    if (only.kind === 'FILE') return `${only.name} (${formatBytes(only.size ?? 0)})`;
    return only.kind === 'FOLDER' ? `the folder ${only.name}` : `all of ${only.name}`;
  }
  const count = (kind: string) => entries.filter((entry) => entry.kind === kind).length;
  const bytes = entries.reduce((sum, { size }) => sum + BigInt(size ?? 0), 0n);
  const files = count('FILE');
  const parts = [
    count('CONTAINER') > 0 ? `all of ${formatQuantity(count('CONTAINER'), 'container')}` : '',
    count('FOLDER') > 0 ? formatQuantity(count('FOLDER'), 'folder') : '',
    files > 0 ? `${formatQuantity(files, 'file')} (${formatBytes(bytes)})` : '',
  ].filter((part) => part !== '');
  return new Intl.ListFormat('en-GB').format(parts);
}
