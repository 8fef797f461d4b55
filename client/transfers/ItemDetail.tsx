import { formatBytes, formatDateTime, formatDuration, formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import { algorithmName, comparedText, legText } from './evidence.ts';
import classes from './ItemDetail.module.css';
import { sourceText } from './item-note.ts';
import { becameFolder } from './item-standing.ts';
import type { EvidenceLeg, Item } from './items.ts';
import { actions, reasonText } from './words.ts';

const routeText = {
  RELAY: 'Through a worker.',
  SERVER_SIDE_COPY: 'Copied by the cloud itself.',
  INGEST_FROM_URL: 'Fetched by the destination’s cloud.',
} as const satisfies Record<NonNullable<Item['route']>, string>;

/** An error code in words. */
const refusalText = (code: string) => code.toLowerCase().replaceAll('_', ' ');

/** Everything known of one object: its way, the proof at both ends, or why it failed. */
export function ItemDetail({ item }: { item: Item }) {
  const { startedAt, finishedAt } = item;
  const took = startedAt !== null && finishedAt !== null ? Date.parse(finishedAt) - Date.parse(startedAt) : null;
  // What was refused as it was planned was never to be done.
  const reason = item.state === 'FAILED' && startedAt === null ? null : reasonText(item);
  const source = sourceText(item);
  return (
    <div className={classes.detail}>
      {item.error === null || item.sourceRemoval === 'KEPT' ? null : (
        <Notice tone="bad">{userErrorText(item.error)}</Notice>
      )}
      <dl className={classes.facts}>
        {item.reason === 'EXTRA' ? null : (
          <>
            <dt>From</dt>
            <dd className={classes.path}>{item.sourcePath}</dd>
          </>
        )}
        <dt>To</dt>
        <dd className={classes.path}>{item.destinationPath}</dd>
        {item.reason === 'EXTRA' ? null : (
          <>
            <dt>Size</dt>
            <dd>
              {formatBytes(item.size)} ({formatQuantity(Number(item.size), 'byte')})
            </dd>
          </>
        )}
        {item.collidesWith === null ? null : (
          <>
            <dt>Collides with</dt>
            <dd className={classes.path}>{item.collidesWith.sourcePath}</dd>
          </>
        )}
        {item.modifiedAt === null ? null : (
          <>
            <dt>Changed</dt>
            <dd>{formatDateTime(item.modifiedAt)}</dd>
          </>
        )}
        {reason === null ? null : (
          <>
            <dt>Planned</dt>
            <dd>
              {actions[item.action]}. {reason}
            </dd>
          </>
        )}
        {source === null ? null : (
          <>
            <dt>At the source</dt>
            <dd>{source}</dd>
          </>
        )}
        {item.route === null ? null : (
          <>
            <dt>Way</dt>
            <dd>
              {routeText[item.route]}
              {item.fallbackCode === null ? '' : ` A better way was refused: ${refusalText(item.fallbackCode)}.`}
            </dd>
          </>
        )}
        {item.droppedTags.length === 0 ? null : (
          <>
            <dt>Tags left behind</dt>
            <dd>{item.droppedTags.join(', ')}. The destination does not take them.</dd>
          </>
        )}
        {took === null ? null : (
          <>
            <dt>Took</dt>
            <dd>
              {formatDuration(took)}
              {item.attempts > 1 ? `, ${item.attempts} attempts` : ''}
            </dd>
          </>
        )}
      </dl>
      {item.evidence === null || becameFolder(item) ? null : (
        <div className={classes.legs}>
          <Leg side="Source" leg={item.evidence.source} item={item} />
          <Leg side="Destination" leg={item.evidence.destination} item={item} />
        </div>
      )}
    </div>
  );
}

interface LegProps {
  side: 'Source' | 'Destination';
  leg: EvidenceLeg;
  item: Pick<Item, 'action' | 'route'>;
}

function Leg({ side, leg, item: { action, route } }: LegProps) {
  return (
    <div className={classes.leg}>
      <div className={classes.side}>{side}</div>
      <div>{action === 'COMPARE' ? comparedText(leg) : legText(side, leg, route)}</div>
      {leg.value === null ? null : (
        <div className={classes.hash}>
          {leg.algorithm === null ? '' : `${algorithmName(leg.algorithm)} `}
          <code>{leg.value}</code>
        </div>
      )}
    </div>
  );
}
