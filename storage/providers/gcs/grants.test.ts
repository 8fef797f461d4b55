import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type GcsServer, startGcsServer } from '../../../emulators/gcs/server.ts';
import { conformance } from '../../conformance.ts';

const app = { clientId: 'conformance', clientSecret: 'secret' };
const account = { provider: 'gcs', refreshToken: 'right', projectId: 'skyferry-test' } as const;
const denied = { email: 'ben@example.com', buckets: [] };
const apps = [{ ...app, grants: { right: 'ann@example.com', denied } }];
let server: GcsServer;

conformance({
  name: 'Google Cloud Storage with the grant of a person',
  start: async (buckets) => (server = await startGcsServer({ buckets, apps })),
  startProxy: startFaultProxy,
  operator: () => ({ googleApp: { ...app, tokenOrigin: server.endpoint }, machineIdentity: false }),
  credentials: (endpoint) => ({ ...account, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'wrong' }),
  deniedCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'denied' }),
});
