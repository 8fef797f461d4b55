import { Anchor } from '@mantine/core';
import { useEffect, useEffectEvent, useRef } from 'react';
import { Link } from 'wouter';
import { Panel } from '../ui/Panel.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import classes from './FollowUps.module.css';
import { hasEnded } from './progress.ts';
import { StateTag } from './StateTag.tsx';
import { type TransferDetail, transferHref } from './transfer.ts';
import { useLiveProgress } from './use-transfer.ts';
import type { Mode } from './words.ts';

interface FollowUpsProps {
  transfer: TransferDetail;
  /** A follow-up has ended: what is left to retry may be another. */
  onEnded: () => void;
}

/** Where failed objects were tried again, and of which transfer this one tries them again. */
export function FollowUps({ transfer: { retryOf, followUps, mode }, onEnded }: FollowUpsProps) {
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
        {followUps.nodes.map((followUp) => (
          <FollowUp key={followUp.id} followUp={followUp} mode={mode} onEnded={onEnded} />
        ))}
      </ul>
    </Panel>
  );
}

interface FollowUpProps extends Pick<FollowUpsProps, 'onEnded'> {
  followUp: TransferDetail['followUps']['nodes'][number];
  mode: Mode;
}

function FollowUp({ followUp: { id, createdAt, ...read }, mode, onEnded }: FollowUpProps) {
  const { progress } = useLiveProgress(id, read.progress);
  const ended = hasEnded(progress.state);
  const wasEnded = useRef(ended);
  const tell = useEffectEvent(onEnded);
  useEffect(() => {
    if (ended && !wasEnded.current) tell();
    wasEnded.current = ended;
  }, [ended]);
  return (
    <li>
      <Anchor component={Link} href={transferHref(id)}>
        Tried again <RelativeTime time={createdAt} />
      </Anchor>
      <div>
        <StateTag progress={progress} mode={mode} />
      </div>
    </li>
  );
}
