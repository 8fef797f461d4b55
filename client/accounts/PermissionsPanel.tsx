import { SegmentedControl, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { CopyBlock } from '../ui/CopyBlock.tsx';
import { Panel } from '../ui/Panel.tsx';
import type { ProviderName } from './account.ts';
import classes from './PermissionsPanel.module.css';
import {
  azureSasCommand,
  compatibleRights,
  compatibleTexts,
  dropboxScopes,
  gcsCommand,
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
  AZURE: ({ use, accountName }) => azureSasCommand(use, accountName),
  GCS: ({ use, bucket }) => gcsCommand(use, bucket),
  DROPBOX: () => dropboxScopes,
};

/** The least permissions that an account needs, ready to copy. */
export function PermissionsPanel({ provider, ...typed }: { provider: ProviderName } & TypedPlace) {
  const [use, setUse] = useState<Use>('source');
  const [bucket, setBucket] = useState('');
  const useLabel = useId();
  const texts = provider === 'S3' && typed.compatible ? compatibleTexts : permissionTexts[provider];
  return (
    <Panel title="Least permissions it needs">
      <p className={classes.words}>{texts.explanation}</p>
      {provider === 'DROPBOX' ? null : (
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
      {provider === 'S3' || provider === 'GCS' ? (
        <TextInput
          mt="md"
          label="Bucket"
          placeholder="YOUR-BUCKET"
          value={bucket}
          onChange={(event) => setBucket(event.currentTarget.value.trim())}
        />
      ) : null}
      <div className={classes.code}>
        <CopyBlock label={texts.label} text={textFor[provider]({ use, bucket, ...typed })} />
      </div>
    </Panel>
  );
}
