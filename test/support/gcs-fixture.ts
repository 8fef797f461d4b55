import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { type GcsServerOptions, startGcsServer } from '../../emulators/gcs/server.ts';

/** The local Cloud Storage server as the conformance suite needs it. */
export function gcsFixture(options: Omit<GcsServerOptions, 'serviceAccounts' | 'buckets'> = {}) {
  let [right, wrong, denied] = ['', '', ''];
  const account = (key: () => string) => (endpoint: string) =>
    ({ provider: 'gcs', endpoint, serviceAccountKey: key() }) as const;
  return {
    async start(buckets: readonly string[]) {
      const server = await startGcsServer({ ...options, buckets, serviceAccounts: { denied: [] } });
      [right, wrong, denied] = [server.serviceAccountKey(), server.strangersKey(), server.serviceAccountKey('denied')];
      return server;
    },
    startProxy: startFaultProxy,
    credentials: account(() => right),
    wrongCredentials: account(() => wrong),
    deniedCredentials: account(() => denied),
  };
}
