// Runs before anything is installed: plain JavaScript for Node 20 or newer, no dependency.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { install, productEnvironment, productNode, root } from './install.mjs';

/** Repeats of a signal within this time are one wish: a terminal and npm both pass Ctrl-C on. */
const sameWishMs = 500;

/**
 * Installs what is missing, then runs a script of this folder on the product's Node and ends as it ends. Signals are
 * handed over once each; when npm or this process is killed, the script sees its channel close and stops by itself.
 */
export async function launch(script, args) {
  try {
    await install();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  const environmentFile = existsSync(join(root, '.env')) ? ['--env-file=.env'] : [];
  const child = spawn(productNode(), [...environmentFile, join(root, 'scripts', script), ...args], {
    cwd: root,
    env: productEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // A session of its own: Ctrl-C reaches it through here, in order.
    detached: true,
  });
  let lastSignalAt = 0;
  const forward = (signal) => {
    if (Date.now() - lastSignalAt < sameWishMs) return;
    lastSignalAt = Date.now();
    child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => forward(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  const parent = process.ppid;
  // npm was killed: nobody is left to pass a signal on.
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    forward('SIGTERM');
  }, 500);
  child.once('error', (error) => {
    console.error(`Node cannot be run: ${error.message}`);
    process.exit(1);
  });
  child.once('close', (code) => process.exit(code ?? 1));
}
