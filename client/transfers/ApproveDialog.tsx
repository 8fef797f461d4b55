import { readablePath } from '../browse/paths.ts';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import { formatBytes, formatQuantity } from '../ui/format.ts';
import classes from './ApproveDialog.module.css';
import type { TransferDetail } from './transfer.ts';

interface ApproveDialogProps {
  transfer: TransferDetail;
  opened: boolean;
  busy: boolean;
  onApprove: () => void;
  onClose: () => void;
}

/** Asks before a plan is carried out, and says how much that writes, replaces and deletes. */
export function ApproveDialog({ transfer, opened, busy, onApprove, onClose }: ApproveDialogProps) {
  const { source, destination, destinationPath, mode, planTotals } = transfer;
  const amountOf = (...wanted: (string | null)[]) => {
    const totals = planTotals.filter(({ action }) => wanted.includes(action));
    const objects = totals.reduce((sum, total) => sum + total.objects, 0);
    const bytes = totals.reduce((sum, total) => sum + BigInt(total.bytes), 0n);
    return { objects, text: formatQuantity(objects, 'object'), sized: `(${formatBytes(bytes)})` };
  };
  const written = amountOf('WRITE', 'ADD');
  const replaced = amountOf('REPLACE');
  const deleted = amountOf('DELETE');
  const compared = amountOf('COMPARE');
  const refused = amountOf(null);
  return (
    <ConfirmDialog
      opened={opened}
      title={`Approve the plan of ${transfer.name}?`}
      confirm="Approve and start"
      dismiss="Not yet"
      busy={busy}
      destroys={deleted.objects > 0 || mode === 'MOVE'}
      onConfirm={onApprove}
      onClose={onClose}
    >
      <p className={classes.place}>
        At {destination.name}: {readablePath(destinationPath)}
      </p>
      <ul className={classes.deeds}>
        {compared.objects > 0 ? (
          <li>
            {compared.text} {compared.sized} compared
          </li>
        ) : (
          <>
            <li>
              {written.text} {written.sized} written
            </li>
            <li>
              {replaced.text} {replaced.sized} replaced
            </li>
            {mode === 'SYNC' ? (
              <li className={deleted.objects > 0 ? classes.deleted : undefined}>{deleted.text} deleted for good</li>
            ) : null}
          </>
        )}
        {refused.objects > 0 ? <li>{refused.text} refused, and left alone</li> : null}
      </ul>
      {mode === 'MOVE' ? (
        <p className={classes.deleted}>
          Each file is then deleted from {source.name}, once its copy, be it one that is there already, is proven by
          hashes of both sides.
        </p>
      ) : null}
    </ConfirmDialog>
  );
}
