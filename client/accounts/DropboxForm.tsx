import { useSession } from '../app/session.ts';
import { Notice } from '../ui/Notice.tsx';
import type { Account } from './account.ts';
import { OAuthForm } from './OAuthForm.tsx';

/** Connects a Dropbox by signing in there, or says what the operator has to do first. */
export function DropboxForm({ replaced }: { replaced?: Account | undefined }) {
  const { oauthProviders } = useSession().instance;
  if (!oauthProviders.includes('DROPBOX')) {
    return (
      <Notice tone="info" title="Dropbox is not set up here yet">
        Whoever runs this Skyferry creates an app at Dropbox once and sets <code>DROPBOX_APP_KEY</code>. The guide is{' '}
        <code>docs/providers/README.md</code>.
      </Notice>
    );
  }
  return (
    <OAuthForm provider="DROPBOX" company="Dropbox" replaced={replaced}>
      <div>
        {replaced === undefined
          ? 'You sign in at Dropbox and agree there; Skyferry never sees your password.'
          : `Sign in at Dropbox as ${replaced.identity}: the account stays this person’s.`}
      </div>
    </OAuthForm>
  );
}
