import { parseConfig } from '../core/config.ts';
import { createLogger } from '../core/log.ts';
import { startApi } from './server.ts';

const config = readConfig();
const log = createLogger('api', config.LOG_LEVEL);

try {
  const server = await startApi(config, log);
  log.info({ url: server.url }, 'listening');
  const stop = async (signal: string) => {
    log.info({ signal }, 'stopping');
    await server.close();
    log.info('stopped');
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start');
  process.exit(1);
}

function readConfig() {
  try {
    return parseConfig(process.env);
  } catch (error) {
    // Without settings there is no log level yet.
    createLogger('api', 'fatal').fatal(error instanceof Error ? error.message : 'cannot start');
    process.exit(1);
  }
}
