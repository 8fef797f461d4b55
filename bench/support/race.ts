import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, interleave, printTable, type Report } from './bench.ts';
import { type RcloneFlags, rcloneContender, startRclone } from './rclone.ts';
import { skyferryContender, startSkyferry } from './skyferry.ts';
import { median } from './statistics.ts';
import { clear, fill, openStore, verify } from './stores.ts';

export interface Race {
  name: string;
  /** Sizes of the objects that are moved, in bytes. */
  sizes: readonly number[];
  /** rclone's settings that are raced in each round; of each measure the better one is the peer. */
  rclone: readonly RcloneFlags[];
  /** Least ratio of rclone's median time, and of its CPU time, to ours. */
  goals: { wall: number; cpu?: number };
}

/**
 * A bench that relays objects S3 to S3 through this machine, from request to completion, against a long-lived `rclone rcd`.
 * Both sides verify what they moved; SHA-256 is compared from outside after every round. Figure: rclone's median time over
 * Skyferry's (above 1 is faster than rclone).
 */
export function raceRclone({ name, sizes, rclone: settings, goals }: Race): Bench {
  return async (options) => {
    const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
    const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
    try {
      const source = await openStore(options.source, 'bench-source', directory);
      stops.push(source.close);
      const destination = await openStore(options.destination, 'bench-destination', directory);
      stops.push(destination.close);
      const from = `${name}/`;
      const objects = await fill(source, from, sizes);
      stops.push(() => clear(source, from));
      await fill(destination, from, []);

      const verifyAndClear = (base: string) => async (to: string) => {
        await verify(destination, from, `${to}${base}`, objects);
        await clear(destination, to);
      };
      const skyferry = await startSkyferry(source, destination, directory);
      stops.push(skyferry.close);
      const contenders = [
        // A folder arrives under its own name.
        skyferryContender(
          skyferry,
          { source: `${source.bucket}/${from}`, destinationBucket: destination.bucket },
          verifyAndClear(from),
        ),
      ];
      for (const flags of settings) {
        const rclone = await startRclone(source, destination, flags, directory);
        stops.push(() => rclone.daemon.stop());
        contenders.push(rcloneContender(rclone, from, verifyAndClear('')));
      }

      const reports = await interleave(contenders, options.quick ? 3 : 7);
      printTable(reports);
      const [ours, ...peers] = reports as [Report, ...Report[]];
      const best = (measure: 'wallMs' | 'cpuMs') => Math.min(...peers.map((peer) => median(peer[measure])));
      const ratio = (measure: 'wallMs' | 'cpuMs') => Number((best(measure) / median(ours[measure])).toFixed(3));
      const [figure, cpuRatio] = [ratio('wallMs'), ratio('cpuMs')];
      return {
        bench: name,
        figure,
        goal: goals.wall,
        ok: figure >= goals.wall && (goals.cpu === undefined || cpuRatio >= goals.cpu),
        unit: "rclone's median time over Skyferry's",
        cpuRatio,
        ...(goals.cpu !== undefined && { cpuGoal: goals.cpu }),
        objects: objects.length,
        sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
        wallMs: Object.fromEntries(reports.map((report) => [report.contender, median(report.wallMs)])),
        cpuMs: Object.fromEntries(reports.map((report) => [report.contender, median(report.cpuMs)])),
        settings: Object.fromEntries(reports.map((report) => [report.contender, report.settings])),
      };
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  };
}
