import { formatQuantity } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import classes from './ErrorGroups.module.css';
import type { TransferDetail } from './transfer.ts';

/** What failed, by cause: a thousand objects with one reason are one thing to mend. */
export function ErrorGroups({ transfer: { errorGroups, mode } }: { transfer: TransferDetail }) {
  return (
    <Panel title={mode === 'VERIFY' ? 'What is not alike' : 'What went wrong'}>
      <ul className={classes.groups}>
        {errorGroups.map((group) => (
          <li key={group.code} className={classes.group}>
            <div className={classes.count}>{formatQuantity(group.objects, 'object')}</div>
            <div className={classes.words}>
              <div className={classes.message}>{group.message}</div>
              <div>{group.remedy}</div>
              <div className={classes.example}>
                For example <code>{group.exampleKey}</code>
              </div>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
