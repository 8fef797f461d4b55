import type { Config } from '../core/config.ts';
import type { OperatorAccess } from './registry.ts';

/** What the operator's settings let providers use. */
export function operatorAccess(
  config: Pick<Config, 'GOOGLE_OAUTH_CLIENT_ID' | 'GOOGLE_OAUTH_CLIENT_SECRET' | 'ALLOW_MACHINE_IDENTITY'>,
): OperatorAccess {
  const { GOOGLE_OAUTH_CLIENT_ID: clientId, GOOGLE_OAUTH_CLIENT_SECRET: clientSecret } = config;
  return {
    googleApp: clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret },
    machineIdentity: config.ALLOW_MACHINE_IDENTITY,
  };
}
