import { Panel } from '../ui/Panel.tsx';
import { ChoiceList } from './ChoiceList.tsx';
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
      <ChoiceList choices={choices} />
    </Panel>
  );
}
