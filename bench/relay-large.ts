import { raceRclone } from './support/race.ts';

const MiB = 1024 ** 2;

/** rclone's settings that `relay-large` and `relay-tls` race. */
export const rcloneForLarge = [
  { label: 'defaults', config: {} },
  {
    label: 'tuned',
    config: { UseServerModTime: true, BufferSize: 0 },
    backend: {
      S3_UPLOAD_CONCURRENCY: '8',
      S3_CHUNK_SIZE: '32Mi',
      S3_NO_CHECK_BUCKET: 'true',
      S3_DISABLE_CHECKSUM: 'false',
    },
  },
];

/**
 * `relay-large`: one object of 1 GiB, verified by its CRC32C on both legs. Goals: at most 0.6 of rclone's time and 0.4 of
 * its CPU time on the local server, 0.8 of its time on others (`--server radosgw`, `--source` and `--destination`), which
 * keep no CRC32C.
 */
export default raceRclone({
  name: 'relay-large',
  sizes: [1024 * MiB],
  quickSizes: [320 * MiB],
  rclone: rcloneForLarge,
  goals: { wall: 0.6, cpu: 0.4, wallElsewhere: 0.8 },
  verifiedBy: 'crc32c',
});
