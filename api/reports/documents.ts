/** What can be downloaded of a transfer that has ended. */
export const documents = {
  CSV: { name: 'report.csv', type: 'text/csv; charset=utf-8; header=present' },
  JSON_LINES: { name: 'report.jsonl', type: 'application/jsonl; charset=utf-8' },
  RECEIPT: { name: 'receipt.json', type: 'application/json; charset=utf-8' },
} as const;
export type DocumentName = keyof typeof documents;

export const downloadsPrefix = '/downloads/';

/** Path of a document at the API, from the transfer's global id. */
export function downloadPath(transferId: string, document: DocumentName): string {
  return `${downloadsPrefix}transfers/${transferId}/${documents[document].name}`;
}
