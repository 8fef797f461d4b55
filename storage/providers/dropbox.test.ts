import { startDropboxServer } from '../../emulators/dropbox/server.ts';
import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { conformance } from '../conformance.ts';

const account = { provider: 'dropbox', appKey: 'conformance', refreshToken: 'right' } as const;
const ann = { id: 'ann', teamName: 'Team', refreshTokens: ['right'] };
const ben = { id: 'ben', teamName: 'Team', refreshTokens: ['denied'], scopes: ['account_info.read'] };

conformance({
  name: 'Dropbox',
  containers: ['dropbox', 'team'],
  start: () => startDropboxServer({ apps: [{ key: 'conformance' }], accounts: [ann, ben] }),
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...account, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'wrong' }),
  deniedCredentials: (endpoint) => ({ ...account, endpoint, refreshToken: 'denied' }),
});
