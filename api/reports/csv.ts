import type { ReportItem } from './manifest.ts';
import type { ReportRecord } from './report.ts';

/** Columns of objects, behind the three that all lines have. */
const itemColumns = [
  'ordinal',
  'action',
  'reason',
  'state',
  'sourcePath',
  'destinationPath',
  'sizeBytes',
  'sourceEtag',
  'sourceVersionId',
  'sourceEvidence',
  'sourceHashAlgorithm',
  'sourceHash',
  'destinationEvidence',
  'destinationHashAlgorithm',
  'destinationHash',
  'verified',
  'route',
  'fallbackCode',
  'droppedTags',
  'sourceRemoval',
  'attempts',
  'errorCode',
  'errorMessage',
  'startedAt',
  'finishedAt',
] as const satisfies (keyof ReportItem)[];

type Cell = string | number | boolean | null | readonly string[];

/**
 * A cell of RFC 4180. Spreadsheets run text that begins as a formula does, whoever wrote it into an object's name:
 * an apostrophe before it keeps it text, so that such a cell is not exactly what it tells of.
 */
function csvCell(value: Cell): string {
  if (value === null) return '';
  if (typeof value !== 'string') return typeof value === 'object' ? csvCell(JSON.stringify(value)) : String(value);
  const text = /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvLine = (cells: readonly Cell[]) => `${cells.map(csvCell).join(',')}\r\n`;
const fact = (type: string, name: string, value: Cell) => csvLine([type, name, value, ...itemColumns.map(() => null)]);

/** The line of column names. */
export const csvHead = csvLine(['type', 'name', 'value', ...itemColumns]);

/** An object is one line; facts are one line each, with name and value. All lines have all columns. */
export function csvLines(record: ReportRecord): string {
  switch (record.type) {
    case 'item':
      return csvLine([record.type, null, null, ...itemColumns.map((column) => record.item[column])]);
    case 'fidelity':
      return fact(record.type, record.code, record.message);
    default:
      return Object.entries(record.facts)
        .map(([name, value]) => fact(record.type, name, value))
        .join('');
  }
}
