/** Hash families that some cloud states for an object or checks on write. Values are lower-case hex everywhere. */
export type DigestAlgorithm =
  | 'crc32c'
  | 'crc32'
  | 'crc64nvme'
  | 'md5'
  | 'sha256'
  /** SHA-256 over the SHA-256 of each 4 MiB (Dropbox, "Content hash"). */
  | 'dropbox'
  /** Those SHA-256 one after another, from which `dropbox` is made when the pieces of an object meet. */
  | 'dropbox-blocks';
export type Digests = Partial<Record<DigestAlgorithm, string>>;
