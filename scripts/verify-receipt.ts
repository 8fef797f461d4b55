import { createPublicKey, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { canonicalJson, Manifest, type ManifestItem, manifestVersion } from '../api/reports/manifest.ts';
import { receiptVersion, type SignedReceipt, thumbprint } from '../api/reports/receipt-format.ts';

const usage = `Usage: npm run receipt:verify -- RECEIPT REPORT (--keys FILE | --url ADDRESS)

  RECEIPT         receipt of a transfer (JSON)
  REPORT          report of the same transfer as JSON Lines
  --keys FILE     public keys, kept from ADDRESS/.well-known/skyferry-receipt-keys; nothing is asked of the network
  --url ADDRESS   the Skyferry that signed, to ask it for its public keys

Ends with 0 when the receipt is genuine and the report is what it vouches for, else with 1 and the reason.`;

/** Why a receipt does not hold, for people. */
class Refusal extends Error {}

const count = z.int().min(0);
const text = z.string();
const versionsSchema = z.object({ receipt: z.object({ receiptVersion: count, manifestVersion: count }) });
/** Members that are checked or told; whatever else is signed is covered by the signature. */
const receiptSchema = z.object({
  receipt: z.looseObject({
    instance: text,
    transferId: text,
    sequence: text,
    objectsCompleted: count,
    objectsFailed: count,
    bytesCompleted: text,
    manifestSha256: text,
    keyId: text,
  }),
  signature: text,
});
const keysSchema = z.object({ keys: z.array(z.looseObject({ kid: text, kty: text, crv: text, x: text })) });
const lineSchema = z.looseObject({ type: text });

/** Members of a report's first and last line that the receipt has, too. The address of a Skyferry may change. */
const signedMembers = {
  transfer: [
    ...(['state', 'createdAt', 'startedAt', 'finishedAt'] as const),
    ...(['objectsListed', 'objectsCompleted', 'objectsFailed', 'objectsSkipped'] as const),
  ],
  end: ['objectsCompleted', 'bytesCompleted', 'manifestSha256'],
} as const satisfies Record<string, readonly (keyof SignedReceipt['receipt'])[]>;

/** Throws a Refusal unless the receipt is signed by one of the keys. */
function verifySignature(receiptText: string, keysText: string): SignedReceipt {
  const document = parseJson(receiptText, 'The receipt');
  const versions = versionsSchema.safeParse(document);
  if (!versions.success) throw new Refusal('The receipt is none: it lacks its version.');
  for (const [what, given, known] of [
    ['receipt', versions.data.receipt.receiptVersion, receiptVersion],
    ['manifest', versions.data.receipt.manifestVersion, manifestVersion],
  ] as const) {
    if (given === known) continue;
    throw new Refusal(
      `Unknown version: the receipt has ${what} version ${given}, this command knows ${known}. Use the command of a Skyferry that knows it.`,
    );
  }
  const parsed = receiptSchema.safeParse(document);
  if (!parsed.success) throw new Refusal(`The receipt is none: ${parsed.error.issues[0]?.path.join('.')} is wrong.`);
  const keys = keysSchema.safeParse(parseJson(keysText, 'The file of keys'));
  if (!keys.success) throw new Refusal('The keys are none: a JWK set (RFC 7517) is wanted.');
  const { keyId } = parsed.data.receipt;
  const key = keys.data.keys.find(({ kid }) => kid === keyId);
  if (key === undefined) {
    throw new Refusal(
      `Wrong key: the receipt is signed with key ${keyId}, which is not among the ${keys.data.keys.length} given. Get the keys of the Skyferry that signed.`,
    );
  }
  if (thumbprint(key.x) !== keyId) throw new Refusal(`Wrong key: what is given as ${keyId} is another key.`);
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' });
  // As it was read: parsing by a schema may order members otherwise.
  const signed = (document as SignedReceipt).receipt;
  if (!verify(null, Buffer.from(canonicalJson(signed)), publicKey, Buffer.from(parsed.data.signature, 'base64'))) {
    throw new Refusal('The signature does not fit: the receipt was changed after it was signed.');
  }
  return document as SignedReceipt;
}

/** Throws a Refusal unless the lines are the report that the receipt is of, whole and unchanged where it vouches. */
async function verifyReport({ receipt }: SignedReceipt, lines: AsyncIterable<string>): Promise<void> {
  const manifest = new Manifest();
  let number = 0;
  let last = '';
  let ordinal = -1;
  let failed = 0;
  for await (const line of lines) {
    number += 1;
    const document = parseJson(line, `Line ${number} of the report`);
    const parsed = lineSchema.safeParse(document);
    if (!parsed.success) throw new Refusal(`Line ${number} of the report is none: it has no type.`);
    const record = parsed.data;
    // A member that stands there twice is read by some as the first and by others as the last.
    if (canonicalJson(document as object) !== line)
      throw new Refusal(`Line ${number} of the report was changed: it is not written as Skyferry writes it.`);
    if (last === 'end') throw new Refusal(`The report goes on behind its end, with line ${number}.`);
    last = record.type;
    if (number === 1) assertSameEnd(record, receipt);
    if (record.type === 'transfer' || record.type === 'end') assertAsSigned(record, record.type, number, receipt);
    if (record.type !== 'item') continue;
    if (record.state === 'FAILED') failed += 1;
    if (record.state !== 'COMPLETED') continue;
    if (!Number.isSafeInteger(record.ordinal) || !/^\d+$/.test(String(record.sizeBytes)))
      throw new Refusal(`Line ${number} of the report was changed: its ordinal or its size is no number.`);
    if (Number(record.ordinal) <= ordinal)
      throw new Refusal(`Line ${number} of the report is out of order: ordinals rise.`);
    ordinal = Number(record.ordinal);
    manifest.add(record as unknown as ManifestItem);
  }
  if (last !== 'end')
    throw new Refusal('The report is cut off: its last line, the end, is missing. Download it again.');
  const difference = receipt.objectsCompleted - manifest.objects;
  if (difference !== 0) {
    throw new Refusal(
      `${Math.abs(difference)} ${Math.abs(difference) === 1 ? 'line is' : 'lines are'} ${difference > 0 ? 'missing' : 'too many'}: the receipt vouches for ${receipt.objectsCompleted} completed objects, the report has ${manifest.objects}.`,
    );
  }
  if (failed !== receipt.objectsFailed) {
    throw new Refusal(
      `The failed objects were changed: the receipt counts ${receipt.objectsFailed}, the report has ${failed}.`,
    );
  }
  if (manifest.sha256() !== receipt.manifestSha256) {
    throw new Refusal('A line of the report was changed: the completed objects do not hash to what the receipt says.');
  }
}

function assertSameEnd(record: z.infer<typeof lineSchema>, receipt: SignedReceipt['receipt']): void {
  if (record.type !== 'transfer') throw new Refusal('The report does not begin with its transfer.');
  if (record.id !== receipt.transferId) {
    throw new Refusal(`Not the same transfer: the receipt is of ${receipt.transferId}, the report of ${record.id}.`);
  }
  if (record.sequence !== receipt.sequence) {
    throw new Refusal(
      `Not the same end: the transfer went on between report and receipt (sequence ${record.sequence} and ${receipt.sequence}). Download both again.`,
    );
  }
}

function assertAsSigned(
  record: z.infer<typeof lineSchema>,
  type: keyof typeof signedMembers,
  number: number,
  receipt: SignedReceipt['receipt'],
): void {
  const member = signedMembers[type].find((name) => record[name] !== receipt[name]);
  if (member === undefined) return;
  throw new Refusal(
    `Line ${number} of the report was changed: its ${member} is ${JSON.stringify(record[member])}, signed is ${JSON.stringify(receipt[member])}.`,
  );
}

function parseJson(source: string, what: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    throw new Refusal(`${what} is not JSON.`);
  }
}

/** Lines of a file. Only U+000A ends one: U+2028 may stand in names. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function fetchKeys(url: string): Promise<string> {
  const address = `${url.replace(/\/+$/, '')}/.well-known/skyferry-receipt-keys`;
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Refusal(`${address} gives no keys. Check the address, or pass --keys FILE.`);
  return response.text();
}

async function main(): Promise<void> {
  const options = { keys: { type: 'string' }, url: { type: 'string' }, help: { type: 'boolean' } } as const;
  let given: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    given = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n\n${usage}`);
  }
  if (given.values.help) return console.log(usage);
  const [receiptPath, reportPath, ...more] = given.positionals;
  const { keys, url } = given.values;
  if (
    receiptPath === undefined ||
    reportPath === undefined ||
    more.length > 0 ||
    (keys === undefined) === (url === undefined)
  )
    throw new Refusal(usage);
  const keysText = url === undefined ? await readFile(keys as string, 'utf8') : await fetchKeys(url);
  const signed = verifySignature(await readFile(receiptPath, 'utf8'), keysText);
  await verifyReport(signed, linesOf(createReadStream(reportPath, 'utf8')));
  const { receipt } = signed;
  console.log(
    `Genuine: ${receipt.instance} vouches for the ${receipt.objectsCompleted} completed objects (${receipt.bytesCompleted} bytes) of the report, for its state, times and counts, signed with key ${receipt.keyId}.`,
  );
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    const isExpected = error instanceof Refusal || (error as NodeJS.ErrnoException).code === 'ENOENT';
    console.error(isExpected ? (error as Error).message : error);
    process.exitCode = 1;
  });
}
