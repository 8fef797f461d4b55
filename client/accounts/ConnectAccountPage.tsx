import { notifications } from '@mantine/notifications';
import { useLocation, useSearchParams } from 'wouter';
import { PageTitle } from '../ui/PageTitle.tsx';
import { type ProviderName, providers } from './account.ts';
import classes from './ConnectAccountPage.module.css';
import { Connecting } from './Connecting.tsx';
import { ProviderMark } from './ProviderMark.tsx';

const choices: { provider: ProviderName; words: string }[] = [
  { provider: 'S3', words: 'Amazon S3, or a store that speaks its language: MinIO, Ceph, R2, Wasabi and others.' },
  { provider: 'AZURE', words: 'Containers and blobs of a storage account.' },
  { provider: 'GCS', words: 'Buckets of a project, by a service account or your own Google account.' },
  { provider: 'DROPBOX', words: 'Your files and those that your team shares with you.' },
];

/** Pick a provider, fill in how to reach it, test, save. */
export function ConnectAccountPage() {
  const [parameters, setParameters] = useSearchParams();
  const [, navigate] = useLocation();
  const asked = parameters.get('provider')?.toUpperCase();
  const provider = choices.find((choice) => choice.provider === asked)?.provider ?? 'S3';

  const onDone = ({ name }: { name: string }) => {
    notifications.show({ title: 'Connected', message: `${name} is ready for transfers.` });
    navigate('/accounts');
  };

  return (
    <>
      <PageTitle title="Connect an account">
        Credentials are tested first, sealed with AES-256-GCM, and used for your transfers alone.
      </PageTitle>
      <fieldset className={classes.choices}>
        <legend className={classes.legend}>Provider</legend>
        {choices.map((choice) => (
          <label key={choice.provider} className={classes.choice}>
            <input
              type="radio"
              name="provider"
              value={choice.provider}
              checked={provider === choice.provider}
              onChange={() => setParameters({ provider: choice.provider.toLowerCase() }, { replace: true })}
            />
            <ProviderMark provider={choice.provider} named={false} />
            <span>
              <span className={classes.provider}>{providers[choice.provider].label}</span>
              <span className={classes.words}>{choice.words}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Connecting key={provider} provider={provider} title={`${providers[provider].label} account`} onDone={onDone} />
    </>
  );
}
