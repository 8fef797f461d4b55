import type { Config } from '../../core/config.ts';
import { AppError } from '../../core/errors.ts';
import type { Credentials } from '../../storage/credentials.ts';

/** Clouds whose accounts people open by signing in there. */
export type OAuthProvider = 'DROPBOX' | 'GCS';

/** The operator's app at a cloud that signs in by OAuth 2.0 with PKCE (RFC 6749, RFC 7636). */
export interface OAuthApp {
  /** How the cloud is called. */
  label: string;
  /** Where the person is asked for the grant. */
  authorizationUrl: string;
  /** Parameters of that address beside those of the RFCs. */
  parameters: Readonly<Record<string, string>>;
  /** Where the code is exchanged. */
  tokenUrl: string;
  clientId: string;
  /** Absent for an app that proves itself by PKCE alone. */
  clientSecret?: string;
  /** The app is registered by these variables; named where the cloud refuses it. */
  variables: string;
  /** What the grant opens. `projectId` is for clouds that have projects. */
  credentials(refreshToken: string, projectId: string | undefined): Credentials;
}

type AppFactory = (config: Config) => OAuthApp | undefined;

const factories: Record<OAuthProvider, AppFactory> = {
  /** https://www.dropbox.com/developers/documentation/http/documentation#oauth2-authorize */
  DROPBOX({ DROPBOX_APP_KEY: appKey, DROPBOX_ENDPOINT: root }) {
    if (appKey === undefined) return undefined;
    const endpoint = withoutSlash(root);
    return {
      label: 'Dropbox',
      authorizationUrl: `${endpoint ?? 'https://www.dropbox.com'}/oauth2/authorize`,
      parameters: {
        // Else the grant ends after four hours.
        token_access_type: 'offline',
        // No more than transfers need, even if the operator's app may ask for more.
        scope: 'account_info.read files.metadata.read files.content.read files.content.write',
      },
      tokenUrl: `${endpoint ?? 'https://api.dropboxapi.com'}/oauth2/token`,
      clientId: appKey,
      variables: 'DROPBOX_APP_KEY',
      credentials: (refreshToken) => ({ provider: 'dropbox', refreshToken, appKey, ...optional({ endpoint }) }),
    };
  },
  /** https://developers.google.com/identity/protocols/oauth2/web-server */
  GCS({ GOOGLE_OAUTH_CLIENT_ID: clientId, GOOGLE_OAUTH_CLIENT_SECRET: clientSecret, GOOGLE_ENDPOINT: root }) {
    if (clientId === undefined || clientSecret === undefined) return undefined;
    const endpoint = withoutSlash(root);
    return {
      label: 'Google Cloud Storage',
      authorizationUrl: `${endpoint ?? 'https://accounts.google.com'}/o/oauth2/v2/auth`,
      parameters: {
        // A refresh token comes offline alone, and on every consent only when it is asked for.
        access_type: 'offline',
        prompt: 'consent',
        scope: 'https://www.googleapis.com/auth/devstorage.read_write https://www.googleapis.com/auth/userinfo.email',
      },
      tokenUrl: `${endpoint ?? 'https://oauth2.googleapis.com'}/token`,
      clientId,
      clientSecret,
      variables: 'GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET',
      credentials: (refreshToken, projectId) => ({
        provider: 'gcs',
        refreshToken,
        ...optional({ projectId, endpoint }),
      }),
    };
  },
};

/** What an operator has to do before people can connect such accounts. */
const howToRegister: Record<OAuthProvider, string> = {
  DROPBOX:
    'No Dropbox app is registered at this Skyferry. Ask its operator to create one at Dropbox and to set DROPBOX_APP_KEY, as docs/providers/README.md says.',
  GCS: 'No Google app is registered at this Skyferry. Use the key of a service account, or ask the operator to create an OAuth client at Google and to set GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET, as docs/providers/README.md says.',
};

/** Clouds that the operator registered an app at. */
export function registeredProviders(config: Config): OAuthProvider[] {
  return (Object.keys(factories) as OAuthProvider[]).filter((provider) => factories[provider](config) !== undefined);
}

/** The operator's app. NOT_SUPPORTED, with what the operator has to do, where there is none. */
export function registeredApp(config: Config, provider: OAuthProvider): OAuthApp {
  const app = factories[provider](config);
  if (app === undefined) throw new AppError('NOT_SUPPORTED', howToRegister[provider], { field: ['provider'] });
  return app;
}

/** Where the cloud sends the person back to; registered with the app at the cloud. */
export function redirectUri(publicUrl: string, provider: OAuthProvider): string {
  return `${publicUrl}/accounts/connected/${provider.toLowerCase()}`;
}

function withoutSlash(address: string | undefined): string | undefined {
  return address?.replace(/\/+$/, '');
}

/** The members that are there. */
function optional<Members extends Record<string, string | undefined>>(members: Members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: string;
  };
}
