import { useId } from 'react';
import { formatBytes, formatMoney, formatQuantity } from '../ui/format.ts';
import classes from './EstimateSummary.module.css';
import { basisText, durationText, type Estimate, requestTexts, type SideEstimate } from './estimate.ts';
import type { TransferDetail } from './transfer.ts';

/** What carrying a plan out comes to: its cost, its duration, and what it asks of each cloud. */
export function EstimateSummary({ estimate, transfer }: { estimate: Estimate; transfer: TransferDetail }) {
  const id = useId();
  const { source, destination } = transfer;
  const unpriced = new Set([
    ...(estimate.source.cost === null ? [source.name] : []),
    ...(estimate.destination.cost === null ? [destination.name] : []),
  ]);
  return (
    <section aria-labelledby={id}>
      <div className={classes.label} id={id}>
        Expected
      </div>
      <dl className={classes.estimate}>
        <Part term="Cost" value={estimate.cost === null ? 'Not known' : costText(estimate.cost)}>
          {estimate.cost === null
            ? `no prices of ${[...unpriced].join(' and ')} in the price table`
            : 'by the price table, without free allowances, discounts, storage and taxes'}
        </Part>
        <Part term="Duration" value={durationText(estimate.duration)}>
          {basisText(estimate.duration)}
        </Part>
        <Part term={`From ${source.name}`} value={requestsText(estimate.source)}>
          {sideText(estimate.source)}
        </Part>
        <Part term={`To ${destination.name}`} value={requestsText(estimate.destination)}>
          {sideText(estimate.destination)}
        </Part>
      </dl>
      <p className={classes.assumed}>What has to be repeated because something failed comes on top.</p>
    </section>
  );
}

function Part({ term, value, children }: { term: string; value: string; children: string }) {
  return (
    <div className={classes.part}>
      <dt>{term}</dt>
      <dd className={`${classes.value} figures`}>{value}</dd>
      <dd className={`${classes.note} figures`}>{children}</dd>
    </div>
  );
}

function costText({ total, currency }: NonNullable<Estimate['cost']>): string {
  return formatMoney(total, currency);
}

function requestsText({ requests }: SideEstimate): string {
  const { read, write, list, copy, delete: deletions } = requests;
  return formatQuantity(read + write + list + copy + deletions, 'request');
}

/** The kinds of its requests, the bytes that leave it, and what both cost where that is known. */
function sideText(side: SideEstimate): string {
  const egress = side.egressBytes === '0' ? [] : [`${formatBytes(side.egressBytes)} leave the cloud`];
  return [...requestTexts(side), ...egress, ...(side.cost === null ? [] : [costText(side.cost)])].join(', ');
}
