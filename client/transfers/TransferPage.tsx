import { Anchor } from '@mantine/core';
import { Link } from 'wouter';
import { NotFoundPage } from '../app/NotFoundPage.tsx';
import { PageSkeleton } from '../app/PageSkeleton.tsx';
import { problemOf } from '../graphql/problem.ts';
import { Failure } from '../ui/Failure.tsx';
import { LiveBanner } from '../ui/LiveBanner.tsx';
import { Notice } from '../ui/Notice.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import { Crossing } from './Crossing.tsx';
import { ErrorGroups } from './ErrorGroups.tsx';
import { EvidenceSummary } from './EvidenceSummary.tsx';
import { Fidelity } from './Fidelity.tsx';
import { Figures } from './Figures.tsx';
import { ItemsPanel } from './ItemsPanel.tsx';
import { Papers } from './Papers.tsx';
import { hasEnded } from './progress.ts';
import { StateTag } from './StateTag.tsx';
import { Timeline } from './Timeline.tsx';
import { TransferActions } from './TransferActions.tsx';
import classes from './TransferPage.module.css';
import { useTransfer } from './use-transfer.ts';

/** One transfer, live: how far it is, what one can do about it, what went wrong, and the proof of what arrived. */
export function TransferPage({ id }: { id: string }) {
  const { transfer, progress, error, missing, liveState, refetch } = useTransfer(id);

  if (transfer === null || progress === null) {
    const unknown = error !== undefined && ['NOT_FOUND', 'INVALID_INPUT'].includes(problemOf(error).code);
    if (missing || unknown) return <NotFoundPage subject="transfer" />;
    if (error !== undefined) return <Failure error={error} what="This transfer" retry={refetch} />;
    return <PageSkeleton />;
  }

  return (
    <>
      <Anchor component={Link} href="/transfers" className={classes.back}>
        All transfers
      </Anchor>
      <PageTitle title={transfer.name} actions={<TransferActions transfer={transfer} progress={progress} />}>
        <StateTag progress={progress} />
      </PageTitle>
      <LiveBanner state={liveState} />
      <div className={classes.stack}>
        {transfer.error === null || transfer.errorGroups.length > 0 ? null : (
          <Notice tone="bad" title={progress.state === 'FAILED' ? 'The transfer failed' : 'Something is in the way'}>
            {userErrorText(transfer.error)}
          </Notice>
        )}
        {hasEnded(progress.state) ? <EvidenceSummary progress={progress} /> : null}
        <Panel>
          <Crossing transfer={transfer} progress={progress} />
          <Figures progress={progress} startAt={transfer.startAt} />
        </Panel>
        <div className={classes.columns}>
          <div className={classes.stack}>
            {transfer.errorGroups.length === 0 ? null : <ErrorGroups groups={transfer.errorGroups} />}
            <ItemsPanel transferId={id} progress={progress} />
          </div>
          <div className={classes.stack}>
            <Timeline transfer={transfer} progress={progress} />
            {hasEnded(progress.state) ? <Papers transfer={transfer} /> : null}
            <Fidelity fidelity={transfer.fidelity} />
          </div>
        </div>
      </div>
    </>
  );
}
