import { once } from 'node:events';
import { createAddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Credentials } from '../credentials.ts';
import { bufferedBody, createDigest } from '../digest.ts';
import type { PartReceipt, UploadSession } from '../provider.ts';
import { type OperatorAccess, openProvider } from '../registry.ts';

/** All that another process knows of an upload which it goes on with. */
export interface Resumption {
  credentials: Credentials;
  capabilities: Capabilities;
  operator: OperatorAccess | undefined;
  session: UploadSession;
  /** Of the parts that were acknowledged. */
  receipts: PartReceipt[];
  /** Size of the parts, but for the last. */
  partBytes: number;
  /** The object is this text, again and again. */
  filler: string;
}

/**
 * A process of its own that ends an upload: takes a `Resumption` from its parent, asks the store what is there, where it
 * tells, sends what is missing, and joins it. Tells its parent number and size of all parts. A failure ends it with 1.
 */
const [message] = await once(process, 'message');
const { credentials, capabilities, operator, session, receipts, partBytes, filler } = message as Resumption;
const { write } = capabilities;
const { signal } = new AbortController();
const addressPolicy = createAddressPolicy(['127.0.0.0/8']);
const provider = openProvider(credentials, { addressPolicy, capabilities, operator });
const bytes = Buffer.alloc(session.sizeBytes, filler);

const parts = write.listsParts ? await provider.listParts(session, signal) : [...receipts];
for (let partNumber = 1, offset = 0; offset < bytes.length; partNumber += 1, offset += partBytes) {
  if (parts.some((part) => part.partNumber === partNumber)) continue;
  const algorithms = write.partDigest === null ? [] : [write.partDigest];
  const body = bufferedBody([bytes.subarray(offset, offset + partBytes)], algorithms);
  parts.push(await provider.putPart({ session, partNumber, offset, body }, signal));
}
parts.sort((a, b) => a.partNumber - b.partNumber);
const whole = createDigest(write.completeDigest === null ? [] : [write.completeDigest]);
whole.update(bytes);
await provider.completeUpload({ session, parts, digests: whole.digest() }, signal);
await provider.close();
process.send?.(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes]));
process.disconnect();
