import { UnstyledButton } from '@mantine/core';
import { IconBan } from '@tabler/icons-react';
import { formatBytes, formatCount, formatPercent, formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { Panel } from '../ui/Panel.tsx';
import { actionLooks } from './action-looks.ts';
import { EstimateSummary } from './EstimateSummary.tsx';
import classes from './PlanPanel.module.css';
import { isPlan, type Progress } from './progress.ts';
import type { TransferDetail } from './transfer.ts';
import { actions, type PlanTotal, refusalText } from './words.ts';

const order = Object.keys(actions);

/** Total names of what is planned, so that one of them can be chosen. */
export function totalKey({ action, refusedFor }: PlanTotal): string {
  return action ?? refusedFor ?? '';
}

/** Whether there is a plan that says more than that everything is written, or compared. */
export function hasPlan({ isDryRun, mode, planTotals }: TransferDetail): boolean {
  if (isDryRun) return true;
  return mode !== 'VERIFY' && planTotals.some(({ action }) => action !== null && action !== 'WRITE');
}

interface PlanPanelProps {
  transfer: TransferDetail;
  progress: Progress;
  /** Name of the total whose objects are listed; null: all are. */
  chosen: string | null;
  onChoose: (key: string | null) => void;
}

/** What is planned, as a diff: each kind with its objects and bytes, and the key to the list of them. */
export function PlanPanel({ transfer, progress, chosen, onChoose }: PlanPanelProps) {
  const { planTotals, planEstimate } = transfer;
  const planned = planTotals
    .filter(({ action }) => action !== null)
    .toSorted((a, b) => order.indexOf(a.action ?? '') - order.indexOf(b.action ?? ''));
  const refused = planTotals.filter(({ refusedFor }) => refusedFor !== null);
  const complete = progress.listingComplete;
  return (
    <Panel title={isPlan(progress) ? (complete ? 'The plan' : 'The plan so far') : 'What was planned'}>
      {progress.state === 'AWAITING_APPROVAL' ? <WhyItWaits transfer={transfer} /> : null}
      {planTotals.length === 0 ? (
        <p className={classes.none}>{complete ? 'There is nothing to do.' : 'Nothing has been found yet.'}</p>
      ) : null}
      <div className={classes.groups}>
        <Totals label="Planned" totals={planned} chosen={chosen} onChoose={onChoose} />
        <Totals
          label={transfer.mode === 'VERIFY' ? 'Known to differ from the listings' : 'Refused, and left alone'}
          totals={refused}
          chosen={chosen}
          onChoose={onChoose}
        />
        {planEstimate === null ? null : <EstimateSummary estimate={planEstimate} transfer={transfer} />}
      </div>
    </Panel>
  );
}

interface TotalsProps {
  label: string;
  totals: readonly PlanTotal[];
  chosen: string | null;
  onChoose: (key: string | null) => void;
}

function Totals({ label, totals, chosen, onChoose }: TotalsProps) {
  if (totals.length === 0) return null;
  return (
    <div>
      <div className={classes.label}>{label}</div>
      <ul className={classes.totals} aria-label={label}>
        {totals.map((total) => {
          const key = totalKey(total);
          const { tone, icon: Icon } = total.action === null ? refusedLook : actionLooks[total.action];
          return (
            <li key={key}>
              <UnstyledButton
                className={classes.total}
                data-tone={tone}
                aria-pressed={chosen === key}
                onClick={() => onChoose(chosen === key ? null : key)}
              >
                <span className={classes.kind}>
                  <Icon size={18} aria-hidden />
                  {totalText(total)}
                </span>
                <span className={`${classes.count} figures`}>{formatCount(total.objects)}</span>
                <span className={`${classes.bytes} figures`}>
                  {total.objects === 1 ? 'object' : 'objects'}
                  {total.action === 'DELETE' ? '' : `, ${formatBytes(total.bytes)}`}
                </span>
              </UnstyledButton>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

const refusedLook = { tone: 'bad', icon: IconBan } as const;

/** What is planned, or why it is refused, in a word or two. */
export function totalText({ action, refusedFor }: PlanTotal): string {
  return action === null ? refusalText(refusedFor) : actions[action];
}

function WhyItWaits({ transfer }: { transfer: TransferDetail }) {
  const { isDryRun, planTotals, options } = transfer;
  const deletions = planTotals.find(({ action }) => action === 'DELETE')?.objects ?? 0;
  const { objects, share } = options.deletionLimit;
  return (
    <div className={classes.why}>
      {isDryRun ? (
        <Notice tone="info" title="Nothing has been moved or deleted">
          Approve the plan, and exactly this is done. A file that changes until then is reported, and not touched.
        </Notice>
      ) : (
        <Notice tone="warn" title={`It would delete ${formatQuantity(deletions, 'object')}, so it waits for you`}>
          That is more than its limit: {formatQuantity(objects, 'object')}, or {formatPercent(share)} of what is at the
          destination. Nothing is deleted before you approve.
        </Notice>
      )}
    </div>
  );
}
