import { AzureForm } from './AzureForm.tsx';
import type { ProviderName } from './account.ts';
import { DropboxForm } from './DropboxForm.tsx';
import { GcsForm } from './GcsForm.tsx';
import { S3Form } from './S3Form.tsx';
import type { CredentialsFormProps } from './use-connecting.ts';

interface Props extends CredentialsFormProps {
  provider: ProviderName;
  /** Told what is typed, for the permissions beside the form. */
  onAccountName: (accountName: string) => void;
}

/** The form of a provider, for a new account or for one whose credentials are replaced. */
export function CredentialsForm({ provider, replaced, onDone, onAccountName }: Props) {
  switch (provider) {
    case 'S3':
      return <S3Form replaced={replaced} onDone={onDone} />;
    case 'AZURE':
      return <AzureForm replaced={replaced} onDone={onDone} onAccountName={onAccountName} />;
    case 'GCS':
      return <GcsForm replaced={replaced} onDone={onDone} />;
    case 'DROPBOX':
      return <DropboxForm replaced={replaced} />;
  }
}
