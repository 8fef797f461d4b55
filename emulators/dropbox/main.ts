import { parseArgs } from 'node:util';
import { startDropboxServer } from './server.ts';

const USAGE = `Usage: node emulators/dropbox/main.ts [options]

  --host HOST           address to listen on (127.0.0.1)
  --port PORT           port to listen on (a free one)
  --app-key KEY         key of the app that people grant access to (skyferry)
  --redirect-uri URI    where the app may have people sent back to; may be repeated
  --refresh-token TOKEN a grant that is there from the start, or DROPBOX_REFRESH_TOKEN

Prints one line of JSON once it listens: {"endpoint":…,"port":…}. Stops on SIGTERM and SIGINT.`;

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    'app-key': { type: 'string', default: 'skyferry' },
    'redirect-uri': { type: 'string', multiple: true, default: [] },
    'refresh-token': { type: 'string' },
    help: { type: 'boolean' },
  },
});
const port = values.port === undefined ? 0 : Number(values.port);
const refreshToken = values['refresh-token'] ?? process.env.DROPBOX_REFRESH_TOKEN;

if (values.help) {
  console.log(USAGE);
} else if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`A port is a number from 0 to 65535.\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const server = await startDropboxServer({
    port,
    apps: [{ key: values['app-key'], redirectUris: values['redirect-uri'] }],
    accounts: [{ id: 'demo', refreshTokens: refreshToken === undefined ? [] : [refreshToken] }],
    ...(values.host === undefined ? {} : { host: values.host }),
  });
  const stop = () => void server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  console.log(JSON.stringify({ endpoint: server.endpoint, port: server.port }));
}
