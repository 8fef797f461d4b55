import { formatBytes, formatDuration, formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import { algorithmName, legText } from './evidence.ts';
import classes from './ItemDetail.module.css';
import type { EvidenceLeg, Item } from './items.ts';

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
  return (
    <div className={classes.detail}>
      {item.error === null ? null : <Notice tone="bad">{userErrorText(item.error)}</Notice>}
      <dl className={classes.facts}>
        <dt>From</dt>
        <dd className={classes.path}>{item.sourcePath}</dd>
        <dt>To</dt>
        <dd className={classes.path}>{item.destinationPath}</dd>
        <dt>Size</dt>
        <dd>
          {formatBytes(item.size)} ({formatQuantity(Number(item.size), 'byte')})
        </dd>
        {item.route === null ? null : (
          <>
            <dt>Way</dt>
            <dd>
              {routeText[item.route]}
              {item.fallbackCode === null ? '' : ` A better way was refused: ${refusalText(item.fallbackCode)}.`}
            </dd>
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
      {item.evidence === null ? null : (
        <div className={classes.legs}>
          <Leg side="Source" leg={item.evidence.source} route={item.route} />
          <Leg side="Destination" leg={item.evidence.destination} route={item.route} />
        </div>
      )}
    </div>
  );
}

function Leg({ side, leg, route }: { side: 'Source' | 'Destination'; leg: EvidenceLeg; route: Item['route'] }) {
  return (
    <div className={classes.leg}>
      <div className={classes.side}>{side}</div>
      <div>{legText(side, leg, route)}</div>
      {leg.value === null ? null : (
        <div className={classes.hash}>
          {leg.algorithm === null ? '' : `${algorithmName(leg.algorithm)} `}
          <code>{leg.value}</code>
        </div>
      )}
    </div>
  );
}
