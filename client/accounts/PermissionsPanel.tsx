import { SegmentedControl, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { CopyBlock } from '../ui/CopyBlock.tsx';
import { Panel } from '../ui/Panel.tsx';
import type { ProviderName } from './account.ts';
import { azureCommands, azureTexts } from './azure-permissions.ts';
import classes from './PermissionsPanel.module.css';
import {
  compatibleRights,
  compatibleTexts,
  dropboxScopes,
  gcsCommand,
  type PermissionTexts,
  permissionTexts,
  s3Policy,
  type Use,
} from './permissions.ts';
import type { TypedPlace } from './use-connecting.ts';

interface Wanted extends TypedPlace {
  use: Use;
  bucket: string;
}

const textFor: Record<ProviderName, (wanted: Wanted) => string> = {
  S3: ({ use, bucket, compatible }) => (compatible ? compatibleRights(use, bucket) : s3Policy(use, bucket)),
  AZURE: ({ bucket, azureMethod, ...wanted }) => azureCommands[azureMethod]({ ...wanted, container: bucket }),
  GCS: ({ use, bucket }) => gcsCommand(use, bucket),
  DROPBOX: () => dropboxScopes,
};

/** The least permissions that an account needs, ready to copy. */
export function PermissionsPanel({ provider, ...typed }: { provider: ProviderName } & TypedPlace) {
  const [use, setUse] = useState<Use>('source');
  const [bucket, setBucket] = useState('');
  const useLabel = useId();
  const texts = textsOf(provider, typed);
  const isAllOrNothing = provider === 'DROPBOX' || (provider === 'AZURE' && typed.azureMethod === 'key');
  const place = placeOf(provider, typed);
  return (
    <Panel title="Least permissions it needs">
      <p className={classes.words}>{texts.explanation}</p>
      {isAllOrNothing ? null : (
        <>
          <div className={classes.label} id={useLabel}>
            Skyferry will
          </div>
          <SegmentedControl
            fullWidth
            aria-labelledby={useLabel}
            value={use}
            onChange={(value) => setUse(value as Use)}
            data={[
              { value: 'source', label: 'read' },
              { value: 'destination', label: 'write' },
              { value: 'both', label: 'read and write' },
            ]}
          />
        </>
      )}
      {place === null ? null : (
        <TextInput
          mt="md"
          label={place}
          placeholder={`YOUR-${place.toUpperCase()}`}
          value={bucket}
          onChange={(event) => setBucket(event.currentTarget.value.trim())}
        />
      )}
      <div className={classes.code}>
        <CopyBlock label={texts.label} text={textFor[provider]({ use, bucket, ...typed })} />
      </div>
    </Panel>
  );
}

function textsOf(provider: ProviderName, { azureMethod, compatible }: TypedPlace): PermissionTexts {
  if (provider === 'AZURE') return azureTexts[azureMethod];
  return provider === 'S3' && compatible ? compatibleTexts : permissionTexts[provider];
}

/** What the permissions can be held to; null: to nothing less than the account. */
function placeOf(provider: ProviderName, { azureMethod }: TypedPlace): 'Bucket' | 'Container' | null {
  if (provider === 'AZURE') return azureMethod === 'principal' ? 'Container' : null;
  return provider === 'DROPBOX' ? null : 'Bucket';
}
