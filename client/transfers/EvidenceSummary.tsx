import { formatBytes, formatCount, formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { allVerified, type Progress } from './progress.ts';

/** What is proven, at the end. */
export function EvidenceSummary({ progress }: { progress: Progress }) {
  const { state, objectsCompleted, objectsListed, objectsFailed, bytesVerified, bytesAcknowledged } = progress;
  if (objectsCompleted === 0) return null;
  const of = `${formatCount(objectsCompleted)} of ${formatQuantity(objectsListed, 'object')}`;
  const failed = objectsFailed === 0 ? '' : `; ${formatCount(objectsFailed)} failed`;
  if (!allVerified(progress)) {
    return (
      <Notice
        tone="warn"
        title={`${of} arrived, ${formatBytes(bytesVerified)} of ${formatBytes(bytesAcknowledged)} verified${failed}`}
      >
        {state === 'CANCELLED' ? 'The' : 'For the rest the clouds offer no hash to compare; the'} list below says what
        is known of each object.
      </Notice>
    );
  }
  return (
    <Notice tone={failed === '' ? 'good' : 'warn'} title={`${of} verified, hashes equal on both sides${failed}`}>
      {formatBytes(bytesVerified)} were checked twice: against what the source states, and against what the destination
      states.
    </Notice>
  );
}
