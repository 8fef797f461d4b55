import { Link } from 'wouter';
import { ProviderMark } from '../accounts/ProviderMark.tsx';
import { readablePath } from '../browse/paths.ts';
import { formatQuantity } from '../ui/format.ts';
import { LogoMark } from '../ui/Logo.tsx';
import classes from './Crossing.module.css';
import { ProgressTrack } from './ProgressTrack.tsx';
import { arrivedShare, isListing, type Progress } from './progress.ts';
import type { TransferSummary } from './transfer.ts';

/** Where it comes from, where it goes, and how far the ferry is. */
export function Crossing({ transfer, progress }: { transfer: TransferSummary; progress: Progress }) {
  const [first = ''] = transfer.sourcePaths;
  const others = transfer.sourcePaths.length - 1;
  const listing = isListing(progress);
  return (
    <div className={classes.crossing}>
      <div className={classes.harbours}>
        <Harbour
          account={transfer.source}
          path={others === 0 ? readablePath(first) : `${readablePath(first)} and ${formatQuantity(others, 'other')}`}
        />
        <Harbour account={transfer.destination} path={readablePath(transfer.destinationPath)} arriving />
      </div>
      <div className={classes.water}>
        <div className={classes.course} aria-hidden>
          <div
            className={classes.ferry}
            data-moving={progress.state === 'RUNNING' || undefined}
            style={{ insetInlineStart: `${(listing ? 0 : arrivedShare(progress)) * 100}%` }}
          >
            <LogoMark size={44} />
          </div>
        </div>
        <ProgressTrack progress={progress} label={`Progress of ${transfer.name}`} mode={transfer.mode} size="large" />
      </div>
    </div>
  );
}

interface HarbourProps {
  account: TransferSummary['source'];
  path: string;
  arriving?: boolean;
}

function Harbour({ account, path, arriving = false }: HarbourProps) {
  return (
    <div className={classes.harbour} data-arriving={arriving || undefined}>
      <ProviderMark provider={account.provider} />
      <div className={classes.words}>
        <div className={classes.direction}>{arriving ? 'To' : 'From'}</div>
        <Link href="/accounts" className={classes.account}>
          {account.name}
        </Link>
        <div className={classes.path}>{path}</div>
      </div>
    </div>
  );
}
