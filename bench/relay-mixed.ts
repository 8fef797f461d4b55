import { raceRclone } from './support/race.ts';
import { startAzure } from './support/stores/azure.ts';
import { openStarted } from './support/stores/open.ts';
import { startLocalS3 } from './support/stores/s3.ts';

const KiB = 1024;
const octaves = 12;

/** So many sizes from 16 KiB to 64 MiB, as many between each power of two and the next. */
const spread = (count: number) =>
  Array.from({ length: count }, (_, index) => Math.round(16 * KiB * 2 ** ((octaves * index) / (count - 1))));

/**
 * `relay-mixed`: 300 objects from 16 KiB to 64 MiB, 2.4 GB in all, from the local S3 server to Azurite. Goal: at least
 * 1.2 times rclone's speed. Azurite is one process in JavaScript and the slowest of all: its CPU time tells the ceiling.
 */
export default raceRclone({
  name: 'relay-mixed',
  sizes: spread(300),
  quickSizes: spread(40),
  rclone: [
    { label: 'defaults', config: {} },
    {
      label: 'tuned',
      config: { Transfers: 16, Checkers: 32, UseServerModTime: true, BufferSize: 0 },
      backend: { AZUREBLOB_UPLOAD_CONCURRENCY: '8', AZUREBLOB_CHUNK_SIZE: '8Mi', S3_NO_CHECK_BUCKET: 'true' },
    },
  ],
  goals: { wall: 1 / 1.2 },
  open: async (_options, directory) => ({
    ...(await openStarted(
      () => startLocalS3('bench-source', directory),
      () => startAzure('bench-destination'),
    )),
    servers: 'local S3 server to Azurite',
  }),
});
