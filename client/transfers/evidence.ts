import type { EvidenceLeg, Item } from './items.ts';

const names: Record<string, string> = {
  md5: 'MD5',
  crc32: 'CRC-32',
  crc32c: 'CRC-32C',
  crc64nvme: 'CRC-64/NVME',
  sha256: 'SHA-256',
  dropbox: 'Dropbox content hash',
};

/** A hash's usual name. */
export function algorithmName(algorithm: string): string {
  return names[algorithm.toLowerCase()] ?? algorithm;
}

/** What one leg of an object's evidence proves, in a sentence. */
export function legText(side: 'Source' | 'Destination', leg: EvidenceLeg, route: Item['route']): string {
  const source = side === 'Source';
  if (route !== null && route !== 'RELAY' && leg.kind !== 'SIZE_ONLY') {
    const hash = leg.kind === 'ASSERTED' ? 'hash that it keeps with the object' : 'own hash of the object';
    return `The cloud’s ${hash} equals that of the other side.`;
  }
  switch (leg.kind) {
    case 'PROVIDER_HASH':
      return source
        ? 'What was read has the hash that the cloud states.'
        : 'What was written has the hash that the cloud computed.';
    case 'PER_PART_HASH':
      return source
        ? 'Every part that was read has the hash that the cloud states for it.'
        : 'The cloud checked the hash of every part as it arrived.';
    case 'ASSERTED':
      return source
        ? 'What was read has the hash that the object’s writer stored with it.'
        : 'The hash of what was sent is stored with the object; the cloud did not check it.';
    case 'REREAD':
      return source
        ? 'It was read a second time with the same hash.'
        : 'It was read back and has the hash of what was sent.';
    case 'SIZE_ONLY':
      return 'The cloud offers no hash to compare; the size is equal.';
  }
}

/** What one side of a comparison goes by, in a sentence. */
export function comparedText(leg: EvidenceLeg): string {
  switch (leg.kind) {
    case 'PROVIDER_HASH':
      return 'The hash that the cloud states.';
    case 'PER_PART_HASH':
      return 'The hashes that the cloud states for its parts.';
    case 'ASSERTED':
      return 'The hash that its writer stored with it; the cloud did not check it.';
    case 'REREAD':
      return 'The hash of what was read there.';
    case 'SIZE_ONLY':
      return 'The size; the cloud offers no hash to compare.';
  }
}
