import { Panel } from '../ui/Panel.tsx';
import classes from './ChoicesPanel.module.css';
import { furtherWords, policyWords } from './choice-words.ts';
import type { TransferDetail } from './transfer.ts';
import { modes } from './words.ts';

/** What was chosen: the mode and the policy always, the rest where it is not as usual. */
export function ChoicesPanel({ transfer: { mode, isDryRun, options } }: { transfer: TransferDetail }) {
  const choices = [
    { term: 'What to do', values: [`${modes[mode].label}${isDryRun ? ', planned first' : ''}`] },
    ...policyWords(mode, options),
    ...furtherWords(mode, options),
  ];
  return (
    <Panel title="Choices">
      <dl className={classes.choices}>
        {choices.map(({ term, values }) => (
          <div key={term}>
            <dt>{term}</dt>
            {values.map((value) => (
              <dd key={value}>{value}</dd>
            ))}
          </div>
        ))}
      </dl>
    </Panel>
  );
}
