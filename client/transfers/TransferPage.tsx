import { Anchor } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { NotFoundPage } from '../app/NotFoundPage.tsx';
import { PageSkeleton } from '../app/PageSkeleton.tsx';
import { problemOf } from '../graphql/problem.ts';
import { Failure } from '../ui/Failure.tsx';
import { formatQuantity } from '../ui/format.ts';
import { LiveBanner } from '../ui/LiveBanner.tsx';
import { Notice } from '../ui/Notice.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import { ChoicesPanel } from './ChoicesPanel.tsx';
import { Crossing } from './Crossing.tsx';
import { ErrorGroups } from './ErrorGroups.tsx';
import { EvidenceSummary } from './EvidenceSummary.tsx';
import { Fidelity } from './Fidelity.tsx';
import { Figures } from './Figures.tsx';
import { FollowUps } from './FollowUps.tsx';
import { ItemsPanel } from './ItemsPanel.tsx';
import { Limits } from './Limits.tsx';
import { MovingNow } from './MovingNow.tsx';
import { Papers } from './Papers.tsx';
import { hasPlan, PlanPanel, totalKey } from './PlanPanel.tsx';
import { hasEnded, isPlan } from './progress.ts';
import { StateTag } from './StateTag.tsx';
import { Timeline } from './Timeline.tsx';
import { TransferActions } from './TransferActions.tsx';
import classes from './TransferPage.module.css';
import { useTransfer } from './use-transfer.ts';

/** One transfer, live: how far it is, what one can do about it, what went wrong, and the proof of what arrived. */
export function TransferPage({ id }: { id: string }) {
  const { transfer, progress, error, missing, liveState, refetch } = useTransfer(id);
  const [chosen, setChosen] = useState<string | null>(null);

  if (transfer === null || progress === null) {
    const unknown = error !== undefined && ['NOT_FOUND', 'INVALID_INPUT'].includes(problemOf(error).code);
    if (missing || unknown) return <NotFoundPage subject="transfer" />;
    if (error !== undefined) return <Failure error={error} what="This transfer" retry={refetch} />;
    return <PageSkeleton />;
  }

  const total = transfer.planTotals.find((one) => totalKey(one) === chosen) ?? null;
  return (
    <>
      <Anchor component={Link} href="/transfers" className={classes.back}>
        All transfers
      </Anchor>
      <PageTitle title={transfer.name} actions={<TransferActions transfer={transfer} progress={progress} />}>
        <StateTag progress={progress} mode={transfer.mode} />
      </PageTitle>
      <LiveBanner state={liveState} />
      <div className={classes.stack}>
        {transfer.error === null || transfer.errorGroups.length > 0 || isPlan(progress) ? null : (
          <Notice tone="bad" title={progress.state === 'FAILED' ? 'The transfer failed' : 'Something is in the way'}>
            {userErrorText(transfer.error)}
          </Notice>
        )}
        {hasEnded(progress.state) ? <EvidenceSummary progress={progress} mode={transfer.mode} /> : null}
        {transfer.sourcesKept === null || transfer.sourcesKept === 0 ? null : (
          <Notice tone="warn" title={`${formatQuantity(transfer.sourcesKept, 'source was', 'sources were')} kept`}>
            A copy failed or could not be proven, or a source changed or could not be removed. “Kept” below lists them,
            each with its reason.
          </Notice>
        )}
        <Panel>
          <Crossing transfer={transfer} progress={progress} />
          <Figures
            progress={progress}
            mode={transfer.mode}
            startAt={transfer.startAt}
            planned={
              isPlan(progress) || (progress.state === 'PAUSED' && transfer.isDryRun && transfer.approvedAt === null)
            }
          />
        </Panel>
        {hasPlan(transfer) ? (
          <PlanPanel transfer={transfer} progress={progress} chosen={chosen} onChoose={setChosen} />
        ) : null}
        <div className={classes.columns}>
          <div className={classes.stack}>
            <MovingNow transferId={id} progress={progress} />
            {transfer.errorGroups.length === 0 || isPlan(progress) ? null : <ErrorGroups transfer={transfer} />}
            <ItemsPanel
              transferId={id}
              mode={transfer.mode}
              progress={progress}
              total={total}
              onShowAll={() => setChosen(null)}
            />
          </div>
          <div className={classes.stack}>
            <FollowUps transfer={transfer} onEnded={refetch} />
            <Limits transfer={transfer} progress={progress} />
            <Timeline transfer={transfer} progress={progress} />
            <ChoicesPanel transfer={transfer} />
            {hasEnded(progress.state) ? <Papers transfer={transfer} /> : null}
            <Fidelity fidelity={transfer.fidelity} />
          </div>
        </div>
      </div>
    </>
  );
}
