import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type GcsServer, startGcsServer } from '../../../emulators/gcs/server.ts';
import { conformance } from '../../conformance.ts';

const app = { clientId: 'conformance', clientSecret: 'secret' };
const account = { provider: 'gcs', refreshToken: 'right', projectId: 'skyferry-test' } as const;
const apps = [{ ...app, grants: { right: 'ann@example.com' } }];
let server: GcsServer;

conformance({
  name: 'Google Cloud Storage with the grant of a person',
  start: async () => (server = await startGcsServer({ buckets: ['conformance', 'conformance-other'], apps })),
  startProxy: startFaultProxy,
  operator: () => ({ googleApp: { ...app, tokenOrigin: server.endpoint }, machineIdentity: false }),
  credentials: (endpoint) => ({ ...account, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'wrong' }),
});
