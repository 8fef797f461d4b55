import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { awsHost } from '../../../core/aws.ts';
import type { CloudAccount } from '../../../core/db.ts';
import type { Cost, RequestCounts, Workload } from '../../../queue/plan-estimate.ts';

/** Prices are exact: decimal text of at most twelve places, counted in as many. */
const scale = 12;
const price = z.string().regex(/^\d{1,9}(\.\d{1,12})?$/, 'must be decimal text, such as "0.0004"');

const storePrices = z.strictObject({
  provider: z.enum(['S3', 'AZURE', 'GCS', 'DROPBOX']),
  /** Of the endpoint; hosts below it too. Absent: any. */
  host: z.string().min(1).optional(),
  /** Of an account at S3. Absent: any. */
  region: z.string().min(1).optional(),
  /** In which an account at S3 writes. Absent: any. */
  storageClass: z.string().min(1).optional(),
  perThousand: z.strictObject({ read: price, write: price, list: price, delete: price, copy: price }),
  egressPerGib: price,
});
type StorePrices = z.infer<typeof storePrices>;

const priceTableSchema = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a code of ISO 4217, such as USD'),
  /** The first that fits a store counts. */
  stores: z.array(storePrices),
});
export type PriceTable = z.infer<typeof priceTableSchema>;

const shippedFile = fileURLToPath(new URL('../../prices.json', import.meta.url));

/**
 * Reads the operator's price table; undefined: the one that is shipped (docs/prices.md). Throws an Error that says what is
 * wrong with it and where.
 */
export function readPriceTable(file: string | undefined): PriceTable {
  const path = file ?? shippedFile;
  const wrong = (what: string) => new Error(`PRICE_TABLE_FILE: ${path} ${what} docs/prices.md describes the file.`);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw wrong(error instanceof SyntaxError ? 'is not JSON.' : 'cannot be read.');
  }
  const parsed = priceTableSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: place, message }) => `\n  ${place.join('.') || 'it'}: ${message}`);
  throw wrong(`is no price table:${problems.join('')}\n`);
}

/** What of an account says which prices hold. */
export type PricedAccount = Pick<CloudAccount, 'provider' | 'identity' | 'settings'>;

/** What a side's load costs. null: the table has no prices of its store. */
export function costOf(table: PriceTable, account: PricedAccount, load: Workload['source']): Cost | null {
  const host = hostOf(account);
  const { region, s3 } = account.settings as { region?: string; s3?: { storageClass?: string } };
  const prices = table.stores.find(
    (store) =>
      store.provider === account.provider &&
      (store.host === undefined || host === store.host || host.endsWith(`.${store.host}`)) &&
      (store.region === undefined || store.region === region) &&
      (store.storageClass === undefined || store.storageClass === s3?.storageClass),
  );
  if (prices === undefined) return null;
  return toCost(table.currency, requestMicros(prices, load.requests), egressMicros(prices, load.egressBytes));
}

/** null where one of them is not known. */
export function bothCosts(a: Cost | null, b: Cost | null): Cost | null {
  if (a === null || b === null) return null;
  return toCost(a.currency, toMicros(a.requests) + toMicros(b.requests), toMicros(a.egress) + toMicros(b.egress));
}

function requestMicros({ perThousand }: StorePrices, requests: RequestCounts): bigint {
  let sum = 0n;
  for (const [kind, count] of Object.entries(requests)) {
    sum += BigInt(count) * scaled(perThousand[kind as keyof RequestCounts]);
  }
  return roundedUp(sum, 1_000n * 10n ** BigInt(scale - 6));
}

function egressMicros({ egressPerGib }: StorePrices, bytes: number): bigint {
  return roundedUp(BigInt(bytes) * scaled(egressPerGib), 2n ** 30n * 10n ** BigInt(scale - 6));
}

function scaled(decimal: string): bigint {
  const [whole = '0', places = ''] = decimal.split('.');
  return BigInt(whole + places.padEnd(scale, '0'));
}

function roundedUp(amount: bigint, divisor: bigint): bigint {
  return (amount + divisor - 1n) / divisor;
}

function toCost(currency: string, requests: bigint, egress: bigint): Cost {
  return { currency, requests: text(requests), egress: text(egress), total: text(requests + egress) };
}

/** At least two places, at most six. */
function text(micros: bigint): string {
  const digits = micros.toString().padStart(7, '0');
  const places = digits.slice(-6).replace(/0{1,4}$/, '');
  return `${digits.slice(0, -6)}.${places}`;
}

function toMicros(decimal: string): bigint {
  const [whole = '0', places = ''] = decimal.split('.');
  return BigInt(whole + places.padEnd(6, '0'));
}

const ownHosts = { GCS: 'storage.googleapis.com', DROPBOX: 'api.dropboxapi.com' } as const;

function hostOf({ provider, identity, settings }: PricedAccount): string {
  const { endpoint, region } = settings as { endpoint?: string; region?: string };
  const given = endpoint === undefined ? undefined : URL.parse(endpoint)?.hostname;
  if (given !== undefined) return given;
  if (provider === 'S3') return awsHost(region ?? '');
  return provider === 'AZURE' ? `${identity}.blob.core.windows.net` : ownHosts[provider];
}
