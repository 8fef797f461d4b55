import { useCallback, useState } from 'react';
import { Panel } from '../ui/Panel.tsx';
import type { ProviderName } from './account.ts';
import classes from './Connecting.module.css';
import { CredentialsForm } from './CredentialsForm.tsx';
import { PermissionsPanel } from './PermissionsPanel.tsx';
import { type CredentialsFormProps, nothingTyped, type TypedPlace } from './use-connecting.ts';

interface ConnectingProps extends Omit<CredentialsFormProps, 'onTyped'> {
  provider: ProviderName;
  title: string;
  /** What the form begins with. */
  typed?: Partial<TypedPlace>;
}

/** A form with credentials, beside the permissions that they need for what is typed in it. */
export function Connecting({ title, typed: initial, ...props }: ConnectingProps) {
  const [typed, setTyped] = useState({ ...nothingTyped, ...initial });
  const onTyped = useCallback((changed: Partial<TypedPlace>) => setTyped((old) => ({ ...old, ...changed })), []);
  return (
    <div className={classes.columns}>
      <Panel title={title}>
        <CredentialsForm {...props} onTyped={onTyped} />
      </Panel>
      <PermissionsPanel provider={props.provider} {...typed} />
    </div>
  );
}
