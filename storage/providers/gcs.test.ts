import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { startGcsServer } from '../../emulators/gcs/server.ts';
import { conformance } from '../conformance.ts';

let [right, wrong, denied] = ['', '', ''];

conformance({
  name: 'Google Cloud Storage',
  async start(buckets) {
    const server = await startGcsServer({ buckets, serviceAccounts: { denied: [] } });
    [right, wrong, denied] = [server.serviceAccountKey(), server.strangersKey(), server.serviceAccountKey('denied')];
    return server;
  },
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: right }),
  wrongCredentials: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: wrong }),
  deniedCredentials: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: denied }),
});
