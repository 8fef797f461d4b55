import { formatBytes, formatDateTime, formatDuration } from '../ui/format.ts';
import { useUntil } from '../ui/use-until.ts';
import classes from './AccountDetail.module.css';
import type { Account } from './account.ts';

type Capabilities = NonNullable<Account['capabilities']>;

const hashNames: Record<Capabilities['hashes'][number], string> = {
  CRC32C: 'CRC-32C',
  CRC32: 'CRC-32',
  CRC64NVME: 'CRC-64/NVMe',
  MD5: 'MD5',
  SHA256: 'SHA-256',
  DROPBOX: 'Dropbox content hash',
};

/** What the account's store can do and what it keeps, folded away until somebody wants to know. */
export function AccountDetail({ account }: { account: Account }) {
  const { capabilities, throttledUntil } = account;
  const throttled = useUntil(throttledUntil);
  if (capabilities === null && !throttled) return null;
  return (
    <details className={classes.detail}>
      <summary className={classes.summary}>What it can do and keep</summary>
      <dl className={classes.facts}>
        {throttledUntil === null || !throttled ? null : (
          <>
            <dt>Slowed down</dt>
            <dd>
              The cloud asks for fewer requests until {formatDateTime(throttledUntil)}. Transfers wait by themselves.
            </dd>
          </>
        )}
        {capabilities === null ? null : <Facts {...capabilities} />}
      </dl>
    </details>
  );
}

function Facts(capabilities: Capabilities) {
  const { hashes, modificationTimePrecisionMs: precisionMs } = capabilities;
  const kept = [
    ...(capabilities.keepsContentHeaders ? ['content headers'] : []),
    ...(capabilities.keepsUserMetadata ? ['own metadata'] : []),
    ...(precisionMs === null
      ? []
      : [`modification time${precisionMs >= 1000 ? ` to ${formatDuration(precisionMs)}` : ''}`]),
  ];
  const ways = [
    ...(capabilities.canCopyInside ? ['copies between its own accounts'] : []),
    ...(capabilities.canIngestFromUrl ? ['fetches from other clouds by itself'] : []),
    ...(capabilities.canPresign ? ['lets other clouds fetch from it'] : []),
  ];
  return (
    <>
      <dt>Keeps</dt>
      <dd>{kept.length === 0 ? 'the bytes alone' : `the bytes, ${kept.join(', ')}`}</dd>
      <dt>Largest file</dt>
      <dd>{formatBytes(capabilities.maxObjectBytes)}</dd>
      <dt>Proves content by</dt>
      <dd>{hashes.length === 0 ? 'nothing; files are read back' : hashes.map((hash) => hashNames[hash]).join(', ')}</dd>
      <dt>Short ways</dt>
      <dd>{ways.length === 0 ? 'none; bytes pass through Skyferry' : ways.join(', ')}</dd>
      <dt>Names</dt>
      <dd>{capabilities.caseSensitive ? '“a” and “A” are two files' : '“a” and “A” are one file'}</dd>
      <dt>Overwriting</dt>
      <dd>{overwriting(capabilities)}</dd>
    </>
  );
}

function overwriting({ conditionalWrites, conditionalSingleWrites }: Capabilities): string {
  if (conditionalWrites) return 'files that changed meanwhile are kept';
  if (conditionalSingleWrites) return 'files that changed meanwhile are kept, unless a large one arrives in parts';
  return 'files that changed meanwhile are replaced';
}
