import { Panel } from '../ui/Panel.tsx';
import classes from './Fidelity.module.css';
import type { TransferDetail } from './transfer.ts';

type Loss = NonNullable<TransferDetail['fidelity']>[number];

/** What these two clouds do not keep, before one relies on it. */
export function Fidelity({ fidelity }: { fidelity: TransferDetail['fidelity'] }) {
  if (fidelity === null || fidelity.length === 0) return null;
  return (
    <Panel title="What is not kept">
      <Losses losses={fidelity} />
    </Panel>
  );
}

export function Losses({ losses }: { losses: readonly Loss[] }) {
  return (
    <ul className={classes.losses}>
      {losses.map(({ code, message }) => (
        <li key={code}>{message}</li>
      ))}
    </ul>
  );
}
