import { randomBytes } from 'node:crypto';
import type { AppError } from '../../../core/errors.ts';
import type { HttpClient } from '../../http.ts';
import type { Endpoint } from '../endpoint.ts';
import { type AzureCredentials, blobAccess } from './access.ts';
import { AzureRefusal } from './errors.ts';
import { callSdk, createServiceClient } from './sdk.ts';

/** What is denied to those only whom the service knows: they lack a role, or their token was made for less. */
const known = /^Authorization(PermissionMismatch|ResourceTypeMismatch)$/;

/**
 * Whether a denied list of containers shows that the service knew who asked; throws the denial otherwise. A firewall
 * answers AuthorizationFailure as well, to anybody perhaps. So the same is asked with a signature or token that is wrong
 * for certain: credentials that are answered otherwise are right. What else is denied would meet every request: an
 * account that is disabled, or takes no such credentials, a SAS token for another service or other addresses.
 */
export async function requireKnown(
  denial: unknown,
  credentials: AzureCredentials,
  endpoint: Endpoint,
  http: HttpClient,
  signal: AbortSignal,
): Promise<void> {
  if (!(denial instanceof AzureRefusal) || credentials.accountKey !== undefined) throw denial;
  if (known.test(denial.reason ?? '')) return;
  if (denial.reason !== 'AuthorizationFailure' || denial.code !== 'PERMISSION_DENIED') throw denial;
  const wrong = randomBytes(32).toString('base64');
  const sasToken = credentials.sasToken?.replace(/(^|[?&])sig=[^&]*/, `$1sig=${encodeURIComponent(wrong)}`);
  const tokens = { get: async () => wrong, refused: () => {} };
  const forged = blobAccess({ ...credentials, sasToken }, endpoint, http, tokens);
  const lists = createServiceClient(endpoint, forged, http).listContainers({ abortSignal: signal });
  const told = await callSdk(() => lists.byPage({ maxPageSize: 1 }).next()).then(
    () => denial,
    (error: AppError) => error,
  );
  if (told.code === 'CREDENTIALS_INVALID') return;
  throw told.code === 'PERMISSION_DENIED' ? denial : told;
}
