import { formatBytes, formatPercent, share } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { useMovingItems } from './items.ts';
import classes from './MovingNow.module.css';
import type { Progress } from './progress.ts';

interface MovingNowProps {
  transferId: string;
  progress: Progress;
}

/** What is on its way this moment, object by object; small objects are gone before they could show. */
export function MovingNow({ transferId, progress }: MovingNowProps) {
  return progress.state === 'RUNNING' ? <Moving transferId={transferId} progress={progress} /> : null;
}

function Moving({ transferId, progress }: MovingNowProps) {
  const { nodes, hasMore } = useMovingItems(transferId, progress.sequence);
  if (nodes.length === 0) return null;
  return (
    <Panel title="Moving now">
      <ul className={classes.list}>
        {nodes.map(({ id, sourcePath, size, acknowledgedBytes, route }) => {
          const arrived = share(acknowledgedBytes, size);
          return (
            <li key={id} className={classes.item}>
              <span className={classes.name}>{sourcePath}</span>
              <span className={`${classes.amount} figures`}>
                {route === 'RELAY' ? `${formatPercent(arrived)} of ` : 'copied by the cloud, '}
                {formatBytes(size)}
              </span>
              <span className={classes.track} aria-hidden>
                <span className={classes.arrived} style={{ width: `${arrived * 100}%` }} />
              </span>
            </li>
          );
        })}
      </ul>
      {hasMore ? <p className={classes.more}>and more</p> : null}
    </Panel>
  );
}
