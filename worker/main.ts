import { parseConfig } from '../core/config.ts';
import { createLogger } from '../core/log.ts';
import { startWorker } from './worker.ts';

const config = readConfig();
const log = createLogger('worker', config.LOG_LEVEL);

try {
  const worker = await startWorker(config, log);
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    // The second time, at once.
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'stopping');
    void worker.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start');
  process.exit(1);
}

function readConfig() {
  try {
    return parseConfig(process.env);
  } catch (error) {
    // Without settings there is no log level yet.
    createLogger('worker', 'fatal').fatal(error instanceof Error ? error.message : 'cannot start');
    process.exit(1);
  }
}
