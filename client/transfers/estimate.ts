import { formatDuration, formatQuantity } from '../ui/format.ts';
import { longestEtaMs } from './progress.ts';
import type { TransferDetail } from './transfer.ts';

export type Estimate = NonNullable<TransferDetail['planEstimate']>;
export type SideEstimate = Estimate['source'];

/** How long it is expected to take, from all going well to going slowly: `2 s to 1 min 5 s`. */
export function durationText({ lowMs, highMs }: Estimate['duration']): string {
  const [low, high] = [lowMs, highMs].map((ms) => (ms < longestEtaMs ? formatDuration(ms) : 'over 24 d'));
  return low === high ? `${low}` : `${low} to ${high}`;
}

/** What the duration rests on. */
export function basisText({ basis, measuredTransfers, highMs }: Estimate['duration']): string {
  if (highMs === 0) return 'nothing has to be moved';
  return basis === 'MEASURED'
    ? `measured on ${formatQuantity(measuredTransfers, 'former transfer')} between the two accounts`
    : 'assumed, as no former transfer between the two accounts tells';
}

/** Requests of one cloud by kind, those that there are: `2 reads`, `1 listing page`. */
export function requestTexts({ requests }: SideEstimate): string[] {
  const { read, write, list, copy, delete: deletions } = requests;
  return [
    ...(read === 0 ? [] : [formatQuantity(read, 'read')]),
    ...(write === 0 ? [] : [formatQuantity(write, 'write')]),
    ...(copy === 0 ? [] : [formatQuantity(copy, 'copy', 'copies')]),
    ...(deletions === 0 ? [] : [formatQuantity(deletions, 'deletion')]),
    ...(list === 0 ? [] : [formatQuantity(list, 'listing page')]),
  ];
}
