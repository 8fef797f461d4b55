import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type GcsServer, startGcsServer } from '../../../emulators/gcs/server.ts';
import { conformance } from '../../conformance.ts';
import { operatorAccess } from '../../operator.ts';

const account = { provider: 'gcs', projectId: 'skyferry-test' } as const;
const allowed = { ALLOW_MACHINE_IDENTITY: true };
let server: GcsServer;

conformance({
  name: 'Google Cloud Storage with the identity of the machine',
  start: async () => (server = await startGcsServer({ buckets: ['conformance', 'conformance-other'] })),
  startProxy: startFaultProxy,
  operator: (endpoint) =>
    operatorAccess({ ...allowed, GCE_METADATA_HOST: `127.0.0.1:${server.port}`, GOOGLE_ENDPOINT: endpoint }),
  credentials: (endpoint) => ({ ...account, endpoint, useMachineIdentity: true }),
  // A machine has no secret of its own that could be wrong.
  wrongCredentials: (endpoint) => ({ ...account, endpoint, serviceAccountKey: server.strangersKey() }),
});
