import { IconListSearch, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { BusyButton } from '../ui/BusyButton.tsx';
import { formatBytes, formatQuantity } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import classes from './ErrorGroups.module.css';
import { hasEnded } from './progress.ts';
import type { TransferDetail } from './transfer.ts';
import { usePlanAgain } from './use-plan-again.ts';
import { useRetry } from './use-retry.ts';

/** What has changed since it was planned: a retry goes by the same plan, and fails the same way. */
const isOutdated = (code: string) => code === 'SOURCE_CHANGED' || code === 'DESTINATION_CHANGED';

/** What failed, by cause: a thousand objects with one reason are one thing to mend, and to try again. */
export function ErrorGroups({ transfer }: { transfer: TransferDetail }) {
  const { id, canRetryFailed, errorGroups, mode, progress } = transfer;
  const { retrying, retry } = useRetry(id);
  const { planning, planAgain } = usePlanAgain(transfer);
  const [chosen, setChosen] = useState('');
  return (
    <Panel title={mode === 'VERIFY' ? 'What is not alike' : 'What went wrong'}>
      <ul className={classes.groups}>
        {errorGroups.map(({ code, objects, bytes, retriableObjects, examplePaths, message, remedy }) => (
          <li key={code} className={classes.group}>
            <div>
              <div className={classes.count}>{formatQuantity(objects, 'object')}</div>
              <div className={classes.size}>{formatBytes(bytes)}</div>
            </div>
            <div className={classes.words}>
              <div className={classes.message}>{message}</div>
              <div>{remedy}</div>
              <ul className={classes.examples} aria-label={objects > examplePaths.length ? 'For example' : 'Which'}>
                {examplePaths.map((path) => (
                  <li key={path} className={classes.example}>
                    <code>{path}</code>
                  </li>
                ))}
              </ul>
              {hasEnded(progress.state) && isOutdated(code) ? (
                <BusyButton
                  className={classes.retry}
                  variant="default"
                  size="compact-md"
                  leftSection={<IconListSearch size={16} aria-hidden />}
                  aria-label={`Plan again: ${message}`}
                  disabled={planning && chosen !== code}
                  loading={planning && chosen === code}
                  onClick={() => {
                    setChosen(code);
                    void planAgain();
                  }}
                >
                  Plan again
                </BusyButton>
              ) : canRetryFailed && retriableObjects > 0 ? (
                <BusyButton
                  className={classes.retry}
                  variant="default"
                  size="compact-md"
                  leftSection={<IconRefresh size={16} aria-hidden />}
                  aria-label={`Retry ${formatQuantity(retriableObjects, 'object')}: ${message}`}
                  disabled={retrying && chosen !== code}
                  loading={retrying && chosen === code}
                  onClick={() => {
                    setChosen(code);
                    void retry({ errorCodes: [code] });
                  }}
                >
                  Retry {formatQuantity(retriableObjects, 'object')}
                </BusyButton>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
