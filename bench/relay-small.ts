import { raceRclone } from './support/race.ts';

/**
 * `relay-small`: 5,000 objects of 4 KiB, listing included on both sides. Goal: 1.6 times rclone's objects a second on the
 * local server, 1.25 on others (`--server radosgw`, `--source` and `--destination`).
 */
export default raceRclone({
  name: 'relay-small',
  sizes: Array<number>(5_000).fill(4 * 1024),
  quickSizes: Array<number>(1_000).fill(4 * 1024),
  rclone: [
    { label: 'defaults', config: {} },
    {
      // One listing of each side, and for each object a read and a write: the answer to that tells the MD5 that rclone verifies by.
      label: 'tuned',
      config: { Transfers: 32, Checkers: 32, UseServerModTime: true, BufferSize: 0 },
      backend: { S3_NO_CHECK_BUCKET: 'true', S3_NO_HEAD: 'true' },
    },
  ],
  goals: { wall: 1 / 1.6, wallElsewhere: 1 / 1.25 },
});
