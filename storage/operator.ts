import type { Config } from '../core/config.ts';
import type { OperatorAccess } from './registry.ts';

/** What the operator's settings let providers use. */
export function operatorAccess(
  config: Pick<
    Config,
    | 'GOOGLE_OAUTH_CLIENT_ID'
    | 'GOOGLE_OAUTH_CLIENT_SECRET'
    | 'GOOGLE_ENDPOINT'
    | 'ALLOW_MACHINE_IDENTITY'
    | 'GCE_METADATA_HOST'
  >,
): OperatorAccess {
  const {
    GOOGLE_OAUTH_CLIENT_ID: clientId,
    GOOGLE_OAUTH_CLIENT_SECRET: clientSecret,
    GOOGLE_ENDPOINT: standIn,
    GCE_METADATA_HOST: metadataHost,
  } = config;
  const place = () => (standIn === undefined ? {} : { tokenOrigin: new URL(standIn).origin });
  return {
    googleApp:
      clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret, ...place() },
    machineIdentity: config.ALLOW_MACHINE_IDENTITY,
    googleMachine: {
      ...(metadataHost === undefined ? {} : { metadataOrigin: `http://${metadataHost}` }),
      ...(standIn === undefined ? {} : { standIn }),
    },
  };
}
