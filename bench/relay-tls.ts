import { makeAuthority } from '../emulators/authority.ts';
import { rcloneForLarge } from './relay-large.ts';
import { raceRclone } from './support/race.ts';
import { openLocalS3 } from './support/stores/open.ts';

const MiB = 1024 ** 2;

/**
 * `relay-tls`: `relay-large` with TLS on both legs, by a local authority that Skyferry and rclone trust. Goals: at most 0.7 of
 * rclone's time and 0.6 of its CPU time.
 */
export default raceRclone({
  name: 'relay-tls',
  sizes: [1024 * MiB],
  quickSizes: [320 * MiB],
  rclone: rcloneForLarge,
  goals: { wall: 0.7, cpu: 0.6 },
  verifiedBy: 'crc32c',
  open: async (_options, directory) => openLocalS3(directory, await makeAuthority(directory)),
});
