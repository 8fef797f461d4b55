import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { startGcsServer } from '../../emulators/gcs/server.ts';
import { conformance } from '../conformance.ts';

let [right, wrong] = ['', ''];

conformance({
  name: 'Google Cloud Storage',
  async start() {
    const server = await startGcsServer({ buckets: ['conformance', 'conformance-other'] });
    [right, wrong] = [server.serviceAccountKey(), server.strangersKey()];
    return server;
  },
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: right }),
  wrongCredentials: (endpoint) => ({ provider: 'gcs', endpoint, serviceAccountKey: wrong }),
});
