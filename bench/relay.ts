import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, interleave, printTable, speedRatio } from './support/bench.ts';
import { type RcloneFlags, rcloneContender, startRclone } from './support/rclone.ts';
import { skyferryContender, startSkyferry } from './support/skyferry.ts';
import { median } from './support/statistics.ts';
import { clear, fill, openStore, verify } from './support/stores.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** 200 MiB: a few large objects, many small ones, as people's folders are. */
const sizes = [
  ...Array<number>(1).fill(64 * MiB),
  ...Array<number>(4).fill(16 * MiB),
  ...Array<number>(8).fill(4 * MiB),
  ...Array<number>(32).fill(MiB - 64 * KiB),
  ...Array<number>(100).fill(100 * KiB),
  ...Array<number>(64).fill(4 * KiB),
];

/** Both are raced in each round; the faster one is the peer. */
const rcloneFlags: RcloneFlags[] = [
  { label: 'defaults', config: {} },
  {
    label: 'tuned',
    config: { Transfers: 32, Checkers: 32, NoTraverse: true, UseServerModTime: true, BufferSize: 0 },
    backend: { UPLOAD_CONCURRENCY: '8', CHUNK_SIZE: '16Mi', UPLOAD_CUTOFF: '64Mi', NO_CHECK_BUCKET: 'true' },
  },
];

/**
 * `relay`: 200 MiB in mixed sizes, S3 to S3 through this machine, from request to completion, against a long-lived
 * `rclone rcd`. Both sides verify what they moved; the bench compares SHA-256 from outside after every round.
 * Figure: rclone's median time over Skyferry's (above 1 is faster than rclone).
 */
const relay: Bench = async (options) => {
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const source = await openStore(options.source, 'bench-source', directory);
    stops.push(source.close);
    const destination = await openStore(options.destination, 'bench-destination', directory);
    stops.push(destination.close);
    const from = 'relay/';
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
    for (const flags of rcloneFlags) {
      const rclone = await startRclone(source, destination, flags, directory);
      stops.push(() => rclone.daemon.stop());
      contenders.push(rcloneContender(rclone, from, verifyAndClear('')));
    }

    const reports = await interleave(contenders, options.quick ? 3 : 7);
    printTable(reports);
    const [ours, ...peers] = reports as [(typeof reports)[0], ...typeof reports];
    const best = peers.toSorted((a, b) => median(a.wallMs) - median(b.wallMs))[0] as (typeof reports)[0];
    const figure = Number(speedRatio(ours, best).toFixed(3));
    return {
      bench: 'relay',
      figure,
      goal: 1,
      ok: figure >= 1,
      unit: "rclone's median time over Skyferry's",
      peer: `${best.contender} ${best.settings}`,
      objects: objects.length,
      sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
      wallMs: Object.fromEntries(reports.map((report) => [report.contender, median(report.wallMs)])),
      cpuMs: Object.fromEntries(reports.map((report) => [report.contender, median(report.cpuMs)])),
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

export default relay;
