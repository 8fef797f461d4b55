import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { freePort, type RunningProcess, startProcess, untilReady } from '../../scripts/local/processes.ts';
import { ensureTool } from '../../scripts/local/tools.ts';
import type { Contender, Measurement } from './bench.ts';
import { cpuMs } from './processes.ts';
import type { Store, Stores } from './stores/store.ts';

/** rclone's own settings for one way of running it; names as its remote control takes them in `_config`. */
export interface RcloneFlags {
  label: string;
  config: Record<string, unknown>;
  /** Options of its backends, as environment variables without the prefix RCLONE_. */
  backend?: Record<string, string>;
}

/** A long-lived `rclone rcd`, so that neither side pays for starting a process. Two remotes: it relays, never copies in place. */
export async function startRclone(
  { source, destination, authority }: Stores,
  flags: RcloneFlags,
  logDirectory: string,
): Promise<Rclone> {
  const program = await ensureTool('rclone', process.env.DATA_DIRECTORY || '.data', console.error);
  const version = execFileSync(program, ['version'], { encoding: 'utf8' }).split('\n')[0] ?? 'rclone';
  const port = await freePort();
  const env: Record<string, string> = { RCLONE_CONFIG: '/dev/null', AWS_CA_BUNDLE: '' };
  for (const [remote, store] of Object.entries({ SOURCE: source, DESTINATION: destination })) {
    for (const [name, value] of Object.entries(store.remote)) {
      env[`RCLONE_CONFIG_${remote}_${name.toUpperCase()}`] = value;
    }
  }
  if (authority !== undefined) env.RCLONE_CA_CERT = authority;
  for (const [name, value] of Object.entries(flags.backend ?? {})) env[`RCLONE_${name}`] = value;
  const daemon = await startProcess({
    name: `rclone rcd (${flags.label})`,
    command: program,
    args: ['rcd', '--rc-no-auth', '--rc-addr', `127.0.0.1:${port}`],
    env: { ...process.env, ...env },
    logFile: join(logDirectory, `rclone-${flags.label}.log`),
  });
  await untilReady(daemon, () =>
    call(port, 'rc/noop', {}).then(
      () => true,
      () => false,
    ),
  );
  return { version, port, daemon, flags, source, destination };
}

export interface Rclone {
  version: string;
  port: number;
  daemon: RunningProcess;
  flags: RcloneFlags;
  source: Store;
  destination: Store;
}

async function call(port: number, command: string, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/${command}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`rclone ${command}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Copies everything below `from` into `to` of the destination; unchanged objects are copied again. */
export async function copyWithRclone(rclone: Rclone, from: string, to: string): Promise<Measurement> {
  const cpuBefore = cpuMs(rclone.daemon.pid);
  const startedAt = performance.now();
  await call(rclone.port, 'sync/copy', {
    srcFs: `source:${rclone.source.bucket}/${from}`,
    dstFs: `destination:${rclone.destination.bucket}/${to}`,
    _config: { IgnoreTimes: true, ...rclone.flags.config },
  });
  const wallMs = performance.now() - startedAt;
  return { wallMs, cpuMs: cpuMs(rclone.daemon.pid) - cpuBefore };
}

/** rclone as a contender; `verifyAndClear` is the bench's. */
export function rcloneContender(
  rclone: Rclone,
  from: string,
  verifyAndClear: (to: string) => Promise<void>,
): Contender {
  const name = `rclone (${rclone.flags.label})`;
  const to = (round: number) => `${rclone.flags.label}-${round}/`;
  return {
    name,
    settings: `${rclone.version} ${JSON.stringify({ ...rclone.flags.config, ...rclone.flags.backend })}`,
    run: (round) => copyWithRclone(rclone, from, to(round)),
    verifyAndClear: (round) => verifyAndClear(to(round)),
  };
}
