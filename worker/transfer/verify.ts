import { AppError } from '../../core/errors.ts';
import type { Capabilities } from '../../storage/capabilities.ts';
import { combineCrc32, combineCrc32c, combineDropboxBlocks } from '../../storage/digest.ts';
import type { DigestAlgorithm, Digests } from '../../storage/digest-algorithm.ts';
import type { ObjectInfo } from '../../storage/provider.ts';
import type { Statement } from './item.ts';

/**
 * How one side vouches for the bytes that passed through the worker. Where no bytes passed through it, the other side's
 * statement stands in for what was computed here.
 * - `provider-hash`: a hash of the whole object, computed here or stated by the other cloud, equals the one that this
 *   cloud computed or checked.
 * - `per-part-hash`: the same for every part, and the parts were joined in order by the cloud.
 * - `asserted`: a hash of the whole object, computed here, equals the one that a former writer left with the object;
 *   the cloud itself never checked it.
 * - `reread`: the object was read, and its hash is that of the bytes on the other side.
 * - `size-only`: the cloud offers no hash that can be compared; the number of bytes is right.
 */
export interface Leg {
  kind: 'provider-hash' | 'per-part-hash' | 'reread' | 'asserted' | 'size-only';
  algorithm: DigestAlgorithm | null;
  /** Lower-case hex of the whole object's hash, where there is one. */
  value: string | null;
}

/** Both legs of one object: what was read against what the source says, what was sent against what the destination says. */
export interface Evidence {
  source: Leg;
  destination: Leg;
  /** Whether both sides vouch with a hash. */
  verified: boolean;
}

export const unknownLeg: Leg = { kind: 'size-only', algorithm: null, value: null };

export function evidenceOf(source: Leg, destination: Leg): Evidence {
  return { source, destination, verified: source.kind !== 'size-only' && destination.kind !== 'size-only' };
}

/**
 * What is computed of each piece of an object so that the hash of the whole can be put together from it: CRCs combine,
 * Dropbox's hash is made of its blocks'. null: the hash needs the bytes in order.
 */
export function pieceDigestOf(algorithm: DigestAlgorithm): DigestAlgorithm | null {
  if (algorithm === 'dropbox') return 'dropbox-blocks';
  return algorithm === 'crc32c' || algorithm === 'crc32' ? algorithm : null;
}

/** Cheapest first; CRC64NVME is not computed here (storage/digest.ts). */
const byCost = ['crc32c', 'crc32', 'dropbox', 'md5', 'sha256'] as const;

/**
 * The statement of a source to hold the bytes against: one that the cloud vouches for before one that it merely keeps,
 * one that the destination needs anyway before others, then the cheapest.
 */
export function statementOf(
  info: Pick<ObjectInfo, 'digests' | 'assertedDigests'>,
  needed: readonly DigestAlgorithm[],
): Statement | null {
  const order = byCost.toSorted((a, b) => Number(needed.includes(b)) - Number(needed.includes(a)));
  for (const [digests, asserted] of [
    [info.digests, false],
    [info.assertedDigests, true],
  ] as const) {
    for (const algorithm of order) {
      const value = digests[algorithm];
      if (value !== undefined) return { algorithm, value, asserted };
    }
  }
  return null;
}

/** Source leg for bytes that hash to `computed`. Throws CHECKSUM_MISMATCH when the source says otherwise. */
export function sourceLeg(statement: Statement | null, computed: string | undefined): Leg {
  if (statement === null || computed === undefined) return unknownLeg;
  if (statement.value !== computed) throw mismatch('source', statement.algorithm);
  const { algorithm, asserted } = statement;
  return { kind: asserted ? 'asserted' : 'provider-hash', algorithm, value: computed };
}

/**
 * Compares what was sent with what the destination states, where both speak of the same algorithm. The algorithm that
 * agreed, or null when there is nothing to compare. Throws CHECKSUM_MISMATCH when they differ.
 */
export function agreement(sent: Digests, stated: Digests): DigestAlgorithm | null {
  let agreed: DigestAlgorithm | null = null;
  for (const [algorithm, value] of Object.entries(stated) as [DigestAlgorithm, string][]) {
    const own = sent[algorithm];
    if (own === undefined) continue;
    if (own !== value) throw mismatch('destination', algorithm);
    agreed ??= algorithm;
  }
  return agreed;
}

/**
 * Holds the bytes of a part that were read again against those that were sent: what the whole hashes to now says nothing
 * of the copy when they are others. Throws CHECKSUM_MISMATCH then, and where nothing was hashed.
 */
export function assertReadAgain(sent: Digests, again: Digests): void {
  const entries = Object.entries(sent) as [DigestAlgorithm, string][];
  if (entries.length > 0 && entries.every(([algorithm, value]) => again[algorithm] === value)) return;
  throw new AppError(
    'CHECKSUM_MISMATCH',
    'The source gave other bytes when a part was read again: one of both is damaged.',
  );
}

type Stated = Pick<ObjectInfo, 'digests' | 'assertedDigests'>;

/**
 * Holds what one cloud states of an object against what another states of its copy: every hash that both speak of has to
 * agree, or it is a CHECKSUM_MISMATCH. null: they speak of none in common.
 */
export function statedAgreement(source: Stated, destination: Stated): Evidence | null {
  let evidence: Evidence | null = null;
  const [said, stated] = [source, destination].map(({ digests, assertedDigests }) => ({
    ...assertedDigests,
    ...digests,
  }));
  for (const algorithm of [...byCost, 'crc64nvme'] as const) {
    const value = said?.[algorithm];
    const other = stated?.[algorithm];
    if (value === undefined || other === undefined) continue;
    if (value !== other) {
      throw new AppError('CHECKSUM_MISMATCH', `The copy has another ${algorithm} than the source states of itself.`);
    }
    const leg = ({ digests }: Stated): Leg => ({
      kind: digests[algorithm] === undefined ? 'asserted' : 'provider-hash',
      algorithm,
      value,
    });
    const found = evidenceOf(leg(source), leg(destination));
    if (evidence === null || strength(found) > strength(evidence)) evidence = found;
  }
  return evidence;
}

/** How many sides vouch for a hash themselves. */
function strength({ source, destination }: Evidence): number {
  return [source, destination].filter(({ kind }) => kind === 'provider-hash').length;
}

function mismatch(side: 'source' | 'destination', algorithm: DigestAlgorithm): AppError {
  const text =
    side === 'source'
      ? `The bytes read do not have the ${algorithm} that the source states. They were damaged on the way or at rest.`
      : `The destination states another ${algorithm} than that of the bytes sent. They were damaged on the way.`;
  return new AppError('CHECKSUM_MISMATCH', text);
}

/** Hash of the whole object from what is known of its parts, in order; undefined where that does not give it. */
export function combineParts(
  algorithm: DigestAlgorithm,
  parts: readonly { sizeBytes: number; digests: Digests }[],
): string | undefined {
  const pieceDigest = pieceDigestOf(algorithm);
  if (pieceDigest === null) return undefined;
  const pieces = parts.map(({ digests }) => digests[pieceDigest]);
  if (!pieces.every((piece) => piece !== undefined)) return undefined;
  if (algorithm === 'dropbox') return combineDropboxBlocks(pieces);
  const combine = algorithm === 'crc32c' ? combineCrc32c : combineCrc32;
  return pieces.reduce((whole, piece, index) => combine(whole, piece, parts[index]?.sizeBytes ?? 0), '00000000');
}

/** Hashes that the destination needs of a whole body, or of each part. */
export function neededDigests(write: Capabilities['write'], form: 'whole' | 'parts'): DigestAlgorithm[] {
  const wanted = form === 'whole' ? [write.singleDigest] : [write.partDigest, write.completeDigest];
  return [...new Set(wanted.filter((algorithm) => algorithm !== null))];
}
