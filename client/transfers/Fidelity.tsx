import { Panel } from '../ui/Panel.tsx';
import classes from './Fidelity.module.css';
import type { TransferDetail } from './transfer.ts';

/** What these two clouds do not keep, before one relies on it. */
export function Fidelity({ fidelity }: { fidelity: TransferDetail['fidelity'] }) {
  if (fidelity === null || fidelity.length === 0) return null;
  return (
    <Panel title="What is not kept">
      <ul className={classes.losses}>
        {fidelity.map(({ code, message }) => (
          <li key={code}>{message}</li>
        ))}
      </ul>
    </Panel>
  );
}
