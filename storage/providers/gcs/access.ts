import { createHash } from 'node:crypto';
import { AppError } from '../../../core/errors.ts';
import { normalAddress } from '../../../core/text.ts';
import type { RefreshToken } from '../../access-tokens.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import type { CredentialsOf } from '../../credentials.ts';
import { createHttpClient, type HttpClient } from '../../http.ts';
import { parseServiceAccount, type ServiceAccount } from './credentials.ts';
import { emailOf, grantTokens, machineTokens, metadataAddress, serviceAccountTokens } from './tokens.ts';

/** What the operator brings along (OperatorAccess in registry.ts, as far as it is Google's). */
export interface GoogleOperator {
  googleApp?: { clientId: string; clientSecret: string; tokenOrigin?: string } | undefined;
  machineIdentity: boolean;
  googleMachine?: { metadataOrigin?: string; standIn?: string } | undefined;
}

/** How an account gets its access tokens. */
export interface GcsAccess {
  /** Whom the credentials are of, without secrets. */
  identity: string;
  /** Asks Google for a better name, by an access token; undefined where it tells none. */
  identify?: (token: string, signal: AbortSignal) => Promise<string | undefined>;
  account: ServiceAccount | undefined;
  refresh: RefreshToken;
  /** Connections beside those of the provider. */
  close(): Promise<void>;
}

/** The account's endpoint; that of the machine's identity is the operator's stand-in unless it names one. */
export function endpointOf(
  { endpoint, useMachineIdentity }: CredentialsOf<'gcs'>,
  operator: GoogleOperator | undefined,
): string | undefined {
  return endpoint ?? (useMachineIdentity ? operator?.googleMachine?.standIn : undefined);
}

/**
 * Throws CREDENTIALS_INVALID and ENDPOINT_INVALID for a service account key that is none; PERMISSION_DENIED or
 * CREDENTIALS_INVALID where the operator has not allowed, or not set up, what the credentials need; ENDPOINT_INVALID for
 * the machine's identity at an endpoint that is neither Google's nor the operator's stand-in.
 */
export function gcsAccess(
  credentials: CredentialsOf<'gcs'>,
  http: HttpClient,
  operator: GoogleOperator | undefined,
): GcsAccess {
  const nothingToClose = async () => {};
  if (credentials.serviceAccountKey !== undefined) {
    const account = parseServiceAccount(credentials.serviceAccountKey);
    const refresh = serviceAccountTokens(http, account);
    return { identity: account.email, account, refresh, close: nothingToClose };
  }
  if (credentials.refreshToken !== undefined) {
    const app = operator?.googleApp;
    if (app === undefined) {
      const text = 'This Skyferry has no Google app (any more): ask its operator, or connect a service account.';
      throw new AppError('CREDENTIALS_INVALID', text);
    }
    const refresh = grantTokens(http, credentials.refreshToken, app, app.tokenOrigin);
    const identify = (token: string, signal: AbortSignal) => emailOf(http, token, signal, app.tokenOrigin);
    // Whom Google names none of is still told from others, without anything of the grant.
    const mark = createHash('sha256').update(credentials.refreshToken).digest('hex').slice(0, 8);
    return { identity: `Google account ${mark}`, identify, account: undefined, refresh, close: nothingToClose };
  }
  if (operator?.machineIdentity !== true) {
    throw new AppError('PERMISSION_DENIED', 'The operator does not let accounts use the identity of the machine.');
  }
  const { metadataOrigin = `http://${metadataAddress}`, standIn } = operator.googleMachine ?? {};
  const endpoint = endpointOf(credentials, operator);
  if (!isGoogle(endpoint) && !isSame(endpoint, standIn)) {
    // Its token is the operator's: no address of a user may see it.
    const text = "The identity of the machine opens Google's own endpoints only. Leave the endpoint out.";
    throw new AppError('ENDPOINT_INVALID', text);
  }
  // No user names this address, and nothing but the metadata server is reached by this client.
  const { hostname } = new URL(metadataOrigin);
  const metadata = createHttpClient(createAddressPolicy([hostname.replace(/^\[|\]$/g, '')]));
  return {
    identity: 'the identity of this machine',
    account: undefined,
    refresh: machineTokens(metadata, metadataOrigin),
    close: () => metadata.close(),
  };
}

function isSame(endpoint: string | undefined, standIn: string | undefined): boolean {
  return endpoint !== undefined && standIn !== undefined && normalAddress(endpoint) === normalAddress(standIn);
}

function isGoogle(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return true;
  const url = URL.parse(endpoint);
  return url?.protocol === 'https:' && url.port === '' && url.hostname.endsWith('.googleapis.com');
}
