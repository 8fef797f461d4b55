import { Anchor } from '@mantine/core';
import { Link } from 'wouter';
import { Panel } from '../ui/Panel.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import classes from './FollowUps.module.css';
import { StateTag } from './StateTag.tsx';
import { type TransferDetail, transferHref } from './transfer.ts';

/** Where failed objects were tried again, and of which transfer this one tries them again. */
export function FollowUps({ transfer: { retryOf, followUps, mode } }: { transfer: TransferDetail }) {
  if (retryOf === null && followUps.nodes.length === 0) return null;
  return (
    <Panel title="Retries">
      {retryOf === null ? null : (
        <p className={classes.origin}>
          This tries again what failed in{' '}
          <Anchor component={Link} href={transferHref(retryOf.id)}>
            {retryOf.name}
          </Anchor>
          .
        </p>
      )}
      <ul className={classes.list}>
        {followUps.nodes.map(({ id, createdAt, progress }) => (
          <li key={id}>
            <Anchor component={Link} href={transferHref(id)}>
              Tried again <RelativeTime time={createdAt} />
            </Anchor>
            <div>
              <StateTag progress={progress} mode={mode} />
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
