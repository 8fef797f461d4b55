import { raceRclone } from './support/race.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sizes in the proportions of people's folders: a few large objects, many small ones. */
const mixed = (quarters: number) => [
  ...Array<number>(quarters).fill(16 * MiB),
  ...Array<number>(2 * quarters).fill(4 * MiB),
  ...Array<number>(8 * quarters).fill(MiB - 64 * KiB),
  ...Array<number>(25 * quarters).fill(100 * KiB),
  ...Array<number>(16 * quarters).fill(4 * KiB),
];

/** `relay`: 200 MiB in mixed sizes, a few large objects, many small ones, as people's folders are. */
export default raceRclone({
  name: 'relay',
  sizes: [64 * MiB, ...mixed(4)],
  quickSizes: mixed(1),
  rclone: [
    { label: 'defaults', config: {} },
    {
      label: 'tuned',
      config: { Transfers: 32, Checkers: 32, UseServerModTime: true, BufferSize: 0 },
      backend: {
        S3_UPLOAD_CONCURRENCY: '8',
        S3_CHUNK_SIZE: '16Mi',
        S3_UPLOAD_CUTOFF: '64Mi',
        S3_NO_CHECK_BUCKET: 'true',
      },
    },
  ],
  goals: { wall: 1 },
});
