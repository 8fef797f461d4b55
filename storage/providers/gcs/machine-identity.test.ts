import { expect, it } from 'vitest';
import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { type GcsServer, startGcsServer } from '../../../emulators/gcs/server.ts';
import { createAddressPolicy } from '../../address-policy.ts';
import { conformance } from '../../conformance.ts';
import { operatorAccess } from '../../operator.ts';
import { openProvider } from '../../registry.ts';

const account = { provider: 'gcs', projectId: 'skyferry-test' } as const;
const allowed = { ALLOW_MACHINE_IDENTITY: true };
let server: GcsServer;
const operatorOf = ({ port }: GcsServer, endpoint: string) =>
  operatorAccess({ ...allowed, GCE_METADATA_HOST: `127.0.0.1:${port}`, GOOGLE_ENDPOINT: endpoint });

conformance({
  name: 'Google Cloud Storage with the identity of the machine',
  start: async (buckets) => (server = await startGcsServer({ buckets, serviceAccounts: { denied: [] } })),
  startProxy: startFaultProxy,
  operator: (endpoint) => operatorOf(server, endpoint),
  credentials: (endpoint) => ({ ...account, endpoint, useMachineIdentity: true }),
  // A machine has no secret of its own that could be wrong.
  wrongCredentials: (endpoint) => ({ ...account, endpoint, serviceAccountKey: server.strangersKey() }),
  deniedCredentials: (endpoint) => ({ ...account, endpoint, serviceAccountKey: server.serviceAccountKey('denied') }),
});

it('goes to the stand-in of the operator, not to Google, where the account names no endpoint', async () => {
  const own = await startGcsServer({ buckets: ['stand-in'] });
  const options = { addressPolicy: createAddressPolicy(['127.0.0.1']), operator: operatorOf(own, own.endpoint) };
  const provider = openProvider({ ...account, useMachineIdentity: true }, options);
  try {
    const { items } = await provider.listContainers({}, new AbortController().signal);
    expect(items).toMatchObject([{ name: 'stand-in' }]);
  } finally {
    await provider.close();
    await own.close();
  }
});
