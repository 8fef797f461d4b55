import type { CloudAccount, Db, Transfer } from '../../core/db.ts';
import { transferOptionsSchema } from '../../queue/transfer-options.ts';
import { storedCapabilities } from '../../storage/capabilities.ts';
import { fidelityOf, type Loss } from '../../storage/fidelity.ts';
import { storedError } from '../errors.ts';
import { encodeGlobalId } from '../global-id.ts';
import { csvHead, csvLines } from './csv.ts';
import { itemPages } from './items.ts';
import { canonicalJson, Manifest, type ReportItem } from './manifest.ts';

/** Rises when lines of a report change in another way than by further types and members. */
const reportVersion = 1;

/** A transfer with what its report names. */
export type ReportedTransfer = Transfer & {
  sourceAccount: Pick<CloudAccount, 'name' | 'provider' | 'capabilities'>;
  destinationAccount: Pick<CloudAccount, 'name' | 'provider' | 'capabilities'>;
};

type Fact = string | number | null | readonly string[];

/** A line of a report. The last one is of the type `end`: without it a report is cut off. */
export type ReportRecord =
  | { type: 'transfer' | 'end'; facts: Readonly<Record<string, Fact>> }
  | { type: 'fidelity'; code: string; message: string }
  | { type: 'item'; item: ReportItem };

export type ReportFormat = 'CSV' | 'JSON_LINES';

/**
 * A transfer's report as text, piece by piece; a piece is made when it is asked for. Throws CONFLICT in place of the end
 * when objects change meanwhile: those of a cancelled transfer may, for a moment.
 */
export async function* reportText(
  db: Db,
  transfer: ReportedTransfer,
  instance: string,
  format: ReportFormat,
): AsyncGenerator<string, void> {
  const write = format === 'CSV' ? csvLines : jsonLine;
  let text = format === 'CSV' ? csvHead : '';
  for (const record of head(transfer, instance)) text += write(record);
  yield text;
  const manifest = new Manifest();
  for await (const page of itemPages(db, transfer)) {
    text = '';
    for (const item of page) {
      if (item.state === 'COMPLETED') manifest.add(item);
      text += write({ type: 'item', item });
    }
    yield text;
  }
  yield write({
    type: 'end',
    facts: {
      objectsCompleted: manifest.objects,
      bytesCompleted: manifest.bytes.toString(),
      manifestSha256: manifest.sha256(),
    },
  });
}

function head(transfer: ReportedTransfer, instance: string): ReportRecord[] {
  const { sourceAccount, destinationAccount } = transfer;
  const error = storedError(transfer.errorCode, transfer.errorMessage);
  const facts = {
    reportVersion,
    instance,
    id: encodeGlobalId('Transfer', transfer.id),
    sequence: transfer.sequence.toString(),
    name: transfer.name,
    state: transfer.state,
    sourceAccount: sourceAccount.name,
    sourceProvider: sourceAccount.provider,
    sourcePaths: transfer.sourcePaths,
    destinationAccount: destinationAccount.name,
    destinationProvider: destinationAccount.provider,
    destinationPath: transfer.destinationPath,
    createdAt: transfer.createdAt.toISOString(),
    startedAt: transfer.startedAt?.toISOString() ?? null,
    finishedAt: transfer.finishedAt?.toISOString() ?? null,
    objectsListed: Number(transfer.objectsListed),
    objectsCompleted: Number(transfer.objectsCompleted),
    objectsFailed: Number(transfer.objectsFailed),
    objectsSkipped: Number(transfer.objectsSkipped),
    bytesListed: transfer.bytesListed.toString(),
    bytesVerified: transfer.bytesVerified.toString(),
    errorCode: error?.code ?? null,
    errorMessage: error?.message ?? null,
  };
  const losses: readonly (Loss | typeof unknownFidelity)[] = fidelityOfTransfer(
    transfer,
    sourceAccount,
    destinationAccount,
  ) ?? [unknownFidelity];
  return [{ type: 'transfer', facts }, ...losses.map((loss) => ({ type: 'fidelity' as const, ...loss }))];
}

const unknownFidelity = {
  code: 'UNKNOWN',
  message: 'What the accounts can keep is not known. Test both accounts and download the report again.',
} as const;

/** What a transfer does not keep. A comparison keeps and leaves behind nothing. null: not known of one of the accounts. */
export function fidelityOfTransfer(
  { mode, options }: Pick<Transfer, 'mode' | 'options'>,
  source: Pick<CloudAccount, 'capabilities'>,
  destination: Pick<CloudAccount, 'capabilities'>,
): Loss[] | null {
  if (mode === 'VERIFY') return [];
  return transferFidelity(source, destination, transferOptionsSchema.parse(options).keep);
}

/** What this pair of accounts does not keep; `keep`: what is to travel besides. null: not known of one of them. */
export function transferFidelity(
  source: Pick<CloudAccount, 'capabilities'>,
  destination: Pick<CloudAccount, 'capabilities'>,
  keep: { tags: boolean },
): Loss[] | null {
  const [from, to] = [storedCapabilities(source.capabilities), storedCapabilities(destination.capabilities)];
  return from && to ? fidelityOf(from, to, keep) : null;
}

function jsonLine(record: ReportRecord): string {
  switch (record.type) {
    case 'item':
      return `${canonicalJson({ type: record.type, ...record.item })}\n`;
    case 'fidelity':
      return `${canonicalJson(record)}\n`;
    default:
      return `${canonicalJson({ type: record.type, ...record.facts })}\n`;
  }
}
