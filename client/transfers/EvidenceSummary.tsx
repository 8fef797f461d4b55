import { formatBytes, formatCount, formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { allVerified, objectsWanted, type Progress } from './progress.ts';
import { type Mode, modes } from './words.ts';

const verifiedWords: Record<Mode, string> = {
  COPY: 'verified, hashes equal on both sides',
  MOVE: 'verified, hashes equal on both sides',
  SYNC: 'mirrored; what was written has equal hashes on both sides',
  VERIFY: 'alike, hashes equal on both sides',
};

/** What is proven, at the end. */
export function EvidenceSummary({ progress, mode }: { progress: Progress; mode: Mode }) {
  const { state, objectsCompleted, objectsFailed, bytesVerified, bytesAcknowledged } = progress;
  if (objectsCompleted === 0) return null;
  const of = `${formatCount(objectsCompleted)} of ${formatQuantity(objectsWanted(progress), 'object')}`;
  const failed = objectsFailed === 0 ? '' : `; ${formatCount(objectsFailed)} ${modes[mode].failed}`;
  if (!allVerified(progress)) {
    return (
      <Notice
        tone="warn"
        title={`${of} ${modes[mode].settled}, ${formatBytes(bytesVerified)} of ${formatBytes(bytesAcknowledged)} verified${failed}`}
      >
        {state === 'CANCELLED' ? 'The' : 'For the rest the clouds offer no hash to compare; the'} list below says what
        is known of each object.
      </Notice>
    );
  }
  return (
    <Notice tone={failed === '' ? 'good' : 'warn'} title={`${of} ${verifiedWords[mode]}${failed}`}>
      {mode === 'VERIFY'
        ? `${formatBytes(bytesVerified)} were held against each other; nothing was changed.`
        : `${formatBytes(bytesVerified)} were checked twice: against what the source states, and against what the destination states.`}
    </Notice>
  );
}
