import { raceRclone } from './support/race.ts';

/**
 * `relay-large`: one object of 1 GiB. Goals: at most 0.6 of rclone's time and 0.4 of its CPU time on the local server, 0.8 of
 * its time on others (`--source` and `--destination`).
 */
export default raceRclone({
  name: 'relay-large',
  sizes: [1024 ** 3],
  rclone: [
    { label: 'defaults', config: {} },
    {
      label: 'tuned',
      config: { UseServerModTime: true, BufferSize: 0 },
      backend: { UPLOAD_CONCURRENCY: '8', CHUNK_SIZE: '32Mi', NO_CHECK_BUCKET: 'true', DISABLE_CHECKSUM: 'false' },
    },
  ],
  goals: { wall: 1 / 0.6, cpu: 1 / 0.4 },
});
