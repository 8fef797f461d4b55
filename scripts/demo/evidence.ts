import { type Clouds, type ObjectDigest, readDestination, readSource } from './clouds.ts';
import { formatBytes, formatCount } from './format.ts';
import { sampleHash, sampleTree } from './sample-tree.ts';

export interface Evidence {
  /** Objects that are byte for byte equal on both sides and to what was once made. */
  intact: number;
  expected: number;
  bytes: number;
  /** What is not as it should be, a line each. */
  problems: string[];
}

/**
 * Reads every object of the first transfer back from both clouds with their vendors' own clients and compares SHA-256
 * with each other and with the sample as it is computed afresh. Nothing of the product takes part. What else people
 * keep in the two clouds is not looked at; an object below the transfer's own `prefix` that it did not bring is.
 */
export async function gatherEvidence(clouds: Clouds, prefix: string, signal: AbortSignal): Promise<Evidence> {
  const sample = sampleTree();
  const keys = new Set(sample.map(({ key }) => key));
  const source = await readSource(clouds, keys, signal);
  const destination = await readDestination(clouds, prefix, signal);
  const problems: string[] = [];
  let bytes = 0;
  for (const file of sample) {
    const problem = compare(sampleHash(file), source.get(file.key), destination.get(file.key));
    if (problem === undefined) bytes += file.sizeBytes;
    else problems.push(`${file.key}: ${problem}`);
  }
  const intact = sample.length - problems.length;
  for (const key of destination.keys()) if (!keys.has(key)) problems.push(`${key}: nobody sent it`);
  return { intact, expected: sample.length, bytes, problems };
}

function compare(sha256: string, source?: ObjectDigest, destination?: ObjectDigest): string | undefined {
  if (source === undefined) return 'is missing at the source';
  if (source.sha256 !== sha256) return 'changed at the source';
  if (destination === undefined) return 'did not arrive';
  if (destination.sizeBytes !== source.sizeBytes) {
    return `arrived with ${destination.sizeBytes} bytes instead of ${source.sizeBytes}`;
  }
  return destination.sha256 === source.sha256 ? undefined : 'arrived with other bytes';
}

export function evidenceText({ intact, expected, bytes, problems }: Evidence): string {
  const lines = [
    `  Objects  ${formatCount(intact)} of ${formatCount(expected)} intact`,
    `  Bytes    ${formatCount(bytes)} (${formatBytes(bytes)})`,
    `  SHA-256  ${problems.length === 0 ? 'equal on both sides for every object' : 'NOT equal:'}`,
    ...problems.slice(0, 10).map((problem) => `             ${problem}`),
    ...(problems.length > 10 ? [`             and ${problems.length - 10} more`] : []),
  ];
  return lines.join('\n');
}
