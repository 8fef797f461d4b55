import { startDropboxServer } from '../../emulators/dropbox/server.ts';
import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { conformance } from '../conformance.ts';

const account = { provider: 'dropbox', appKey: 'conformance', refreshToken: 'right' } as const;

conformance({
  name: 'Dropbox',
  containers: ['dropbox', 'team'],
  start: () =>
    startDropboxServer({
      apps: [{ key: 'conformance' }],
      accounts: [{ id: 'ann', teamName: 'Team', refreshTokens: ['right'] }],
    }),
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...account, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'wrong' }),
});
