import { raceRclone } from './support/race.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** `relay`: 200 MiB in mixed sizes, a few large objects, many small ones, as people's folders are. */
export default raceRclone({
  name: 'relay',
  sizes: [
    ...Array<number>(1).fill(64 * MiB),
    ...Array<number>(4).fill(16 * MiB),
    ...Array<number>(8).fill(4 * MiB),
    ...Array<number>(32).fill(MiB - 64 * KiB),
    ...Array<number>(100).fill(100 * KiB),
    ...Array<number>(64).fill(4 * KiB),
  ],
  rclone: [
    { label: 'defaults', config: {} },
    {
      label: 'tuned',
      config: { Transfers: 32, Checkers: 32, NoTraverse: true, UseServerModTime: true, BufferSize: 0 },
      backend: { UPLOAD_CONCURRENCY: '8', CHUNK_SIZE: '16Mi', UPLOAD_CUTOFF: '64Mi', NO_CHECK_BUCKET: 'true' },
    },
  ],
  goals: { wall: 1 },
});
