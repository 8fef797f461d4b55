import { AzureForm } from './AzureForm.tsx';
import type { ProviderName } from './account.ts';
import { DropboxForm } from './DropboxForm.tsx';
import { GcsForm } from './GcsForm.tsx';
import { S3Form } from './S3Form.tsx';
import type { CredentialsFormProps } from './use-connecting.ts';

interface Props extends CredentialsFormProps {
  provider: ProviderName;
}

/** The form of a provider, for a new account or for one whose credentials are replaced. */
export function CredentialsForm({ provider, ...props }: Props) {
  switch (provider) {
    case 'S3':
      return <S3Form {...props} />;
    case 'AZURE':
      return <AzureForm {...props} />;
    case 'GCS':
      return <GcsForm {...props} />;
    case 'DROPBOX':
      return <DropboxForm replaced={props.replaced} />;
  }
}
