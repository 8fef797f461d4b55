import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Bench,
  type BenchOptions,
  type Contender,
  interleave,
  printTable,
  type Report,
  type Verdict,
} from './bench.ts';
import { connectPair, skyferryContender } from './order.ts';
import { cpuMs } from './processes.ts';
import { type RcloneFlags, rcloneContender, startRclone } from './rclone.ts';
import { startSkyferry } from './skyferry.ts';
import { median } from './statistics.ts';
import { openS3Stores } from './stores/open.ts';
import { clear, fill, type Stores, verify } from './stores/store.ts';

export interface Race {
  name: string;
  /** Sizes of the objects that are moved, in bytes. */
  sizes: readonly number[];
  /** The same with `--quick`. */
  quickSizes: readonly number[];
  /** rclone's settings that are raced in each round; of each measure the better one is the peer. */
  rclone: readonly RcloneFlags[];
  /** Of rclone's median time and CPU time, what ours may be at most; the first two on servers written here. */
  goals: { wall: number; cpu?: number; wallElsewhere?: number };
  /** Hash that both legs' evidence must be by, on servers written here. Absent: any that verifies. */
  verifiedBy?: string;
  /** Opens the stores. Default: two S3 stores, as the options say. */
  open?(options: BenchOptions, directory: string): Promise<Stores>;
}

/**
 * A bench that relays objects through this machine, from request to completion, against a long-lived `rclone rcd`. Both
 * sides verify what they moved; SHA-256 is compared from outside after every round, and the evidence that Skyferry recorded
 * is looked at. Figure: rclone's median time over Skyferry's (above 1 is faster than rclone).
 */
export function raceRclone({ name, rclone: settings, goals, verifiedBy, open = openS3Stores, ...race }: Race): Bench {
  return async (options) => {
    const sizes = options.quick ? race.quickSizes : race.sizes;
    const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
    const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
    try {
      const stores = await open(options, directory);
      stops.push(stores.close);
      const { source, destination, isLocal } = stores;
      const from = `${name}/`;
      const objects = await fill(source, from, sizes);
      stops.push(() => clear(source, from));
      await destination.createBucket();

      const verifyAndClear = (base: string) => async (to: string) => {
        await verify(destination, from, `${to}${base}`, objects);
        await clear(destination, to);
      };
      const skyferry = await startSkyferry(directory, { authority: stores.authority });
      stops.push(skyferry.close);
      const ours = skyferryContender(
        skyferry,
        await connectPair(skyferry, stores),
        { source: `${source.bucket}/${from}`, destinationBucket: destination.bucket },
        // A folder arrives under its own name.
        verifyAndClear(from),
        isLocal ? verifiedBy : undefined,
      );
      const contenders: Contender[] = [ours];
      for (const flags of settings) {
        const rclone = await startRclone(stores, flags, directory);
        stops.push(() => rclone.daemon.stop());
        contenders.push(rcloneContender(rclone, from, verifyAndClear('')));
      }

      const reports = await interleave(
        contenders.map((contender) => besideServers(contender, stores.pids)),
        options.rounds ?? (options.quick ? 3 : 7),
      );
      printTable(reports);
      const [own, ...peers] = reports as [Report, ...Report[]];
      const best = (measure: Measure) => Math.min(...peers.map((peer) => median(peer[measure])));
      const verdict = (what: string, measure: Measure, goal: number): Verdict => {
        return { what, figure: median(own[measure]) / best(measure), goal, bound: 'most' };
      };
      const wallGoal = isLocal ? goals.wall : (goals.wallElsewhere ?? goals.wall);
      return {
        bench: name,
        quick: options.quick,
        verdicts: [
          verdict("time over rclone's", 'wallMs', wallGoal),
          ...(isLocal && goals.cpu !== undefined ? [verdict("CPU time over rclone's", 'cpuMs', goals.cpu)] : []),
        ],
        servers: stores.servers,
        evidence: ours.evidence(),
        objects: objects.length,
        sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
        wallMs: medians(reports, 'wallMs'),
        cpuMs: medians(reports, 'cpuMs'),
        serverCpuMs: medians(reports, 'serverCpuMs'),
        settings: Object.fromEntries(reports.map((report) => [report.contender, report.settings])),
      };
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  };
}

type Measure = 'wallMs' | 'cpuMs';

/** Of each contender that was measured so. */
function medians(reports: readonly Report[], measure: Measure | 'serverCpuMs'): Record<string, number> {
  const measured = reports.filter((report) => report[measure].length > 0);
  return Object.fromEntries(measured.map((report) => [report.contender, Math.round(median(report[measure]))]));
}

/** The contender with the CPU time that the storage servers spent on it. */
function besideServers(contender: Contender, pids: () => readonly number[]): Contender {
  if (pids().length === 0) return contender;
  const spent = () => pids().reduce((sum, pid) => sum + cpuMs(pid), 0);
  return {
    ...contender,
    async run(round) {
      const before = spent();
      const measurement = await contender.run(round);
      return { ...measurement, serverCpuMs: spent() - before };
    },
  };
}
