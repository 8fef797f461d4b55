import { sign } from 'node:crypto';
import type { Db, Transfer } from '../../core/db.ts';
import type { Keyring } from '../../core/secrets.ts';
import { encodeGlobalId } from '../global-id.ts';
import { itemPages, wentOn } from './items.ts';
import { canonicalJson, Manifest, manifestVersion } from './manifest.ts';
import { type Receipt, receiptVersion, type SignedReceipt } from './receipt-format.ts';
import { signingKey } from './signing-key.ts';

/**
 * The receipt of a transfer that has ended, made when it is first asked for and the same for ever after. A cancelled one
 * whose last objects settle after that gets another one. Any number of processes may ask at once. CONFLICT when objects
 * change meanwhile.
 */
export async function receiptOf(db: Db, keyring: Keyring, transfer: Transfer, instance: string): Promise<string> {
  const { id, sequence } = transfer;
  const kept = await db.transferReceipt.findUnique({ where: { transferId: id } });
  if (kept?.sequence === sequence) return kept.document;
  const manifest = new Manifest();
  for await (const page of itemPages(db, transfer)) {
    for (const item of page) if (item.state === 'COMPLETED') manifest.add(item);
  }
  const key = await signingKey(db, keyring);
  const receipt: Receipt = {
    receiptVersion,
    manifestVersion,
    instance,
    transferId: encodeGlobalId('Transfer', id),
    sequence: sequence.toString(),
    state: transfer.state,
    createdAt: transfer.createdAt.toISOString(),
    startedAt: transfer.startedAt?.toISOString() ?? null,
    finishedAt: transfer.finishedAt?.toISOString() ?? null,
    objectsListed: Number(transfer.objectsListed),
    objectsCompleted: manifest.objects,
    objectsFailed: Number(transfer.objectsFailed),
    objectsSkipped: Number(transfer.objectsSkipped),
    bytesCompleted: manifest.bytes.toString(),
    manifestSha256: manifest.sha256(),
    keyId: key.id,
  };
  const signature = sign(null, Buffer.from(canonicalJson(receipt)), key.privateKey).toString('base64');
  const document = `${JSON.stringify({ receipt, signature } satisfies SignedReceipt, null, 2)}\n`;
  // The first process wins, and none replaces what is of a later sequence.
  await db.$executeRaw`
    INSERT INTO transfer_receipt AS kept (transfer_id, sequence, document)
    VALUES (${id}::uuid, ${sequence}, ${document})
    ON CONFLICT (transfer_id) DO UPDATE
      SET sequence = excluded.sequence, document = excluded.document, created_at = excluded.created_at
      WHERE kept.sequence < excluded.sequence`;
  const won = await db.transferReceipt.findUnique({ where: { transferId: id } });
  if (won?.sequence !== sequence) throw wentOn();
  return won.document;
}
