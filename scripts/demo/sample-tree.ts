import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';

/** One file of the sample: its bytes follow from its key and size alone. */
export interface SampleFile {
  key: string;
  sizeBytes: number;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Names that break careless programs, all of them allowed by S3 and by Azure. */
const hardNames = [
  'with space.txt',
  ' leading and trailing .txt',
  'plus+sign & ampersand=equals.txt',
  'percent %41 %2F %.txt',
  'question?mark#hash.txt',
  `quotes ' " and \`backtick\`.txt`,
  'xml <tag> &amp; entity.txt',
  'brackets [1] {2} (3).txt',
  'semi;colon,comma:colon@at$dollar!.txt',
  'tilde~star*pipe|caret^.txt',
  '.hidden',
  '..two dots.txt',
  'dots...in..the.middle',
  'double//slash/inside.txt',
  'UPPER and lower.txt',
  'upper AND LOWER.txt',
  'composed é.txt',
  'decomposed e\u0301.txt',
  'Zürich Öl ß.txt',
  '日本語のファイル.txt',
  'العربية.txt',
  'ελληνικά и кириллица.txt',
  'emoji 🚢⛴️👩‍🚀.txt',
  'zero\u200bwidth and no\u00a0break.txt',
  `${'long name '.repeat(22)}end.txt`,
  `${'deep/'.repeat(30)}file.txt`,
];

/** Sizes around the borders at which programs change their ways: nothing, one byte, buffers, parts. */
const hardSizes = [0, 1, 2, 4095, 4096, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, mebibyte - 1, mebibyte];

const largeFiles: SampleFile[] = [
  { key: 'videos/ferry crossing.mp4', sizeBytes: 64 * mebibyte },
  { key: 'videos/harbour at night.mp4', sizeBytes: 33 * mebibyte + 1 },
  { key: 'videos/exactly two parts.bin', sizeBytes: 16 * mebibyte },
  { key: 'videos/one part and a byte.bin', sizeBytes: 8 * mebibyte + 1 },
  { key: 'videos/one part less a byte.bin', sizeBytes: 8 * mebibyte - 1 },
  { key: 'backups/database.dump', sizeBytes: 5 * mebibyte + 12_345 },
];

/** About 200 files from 0 bytes to 64 MiB, about 180 MiB together, in the byte order of their keys. */
export function sampleTree(): SampleFile[] {
  const small = (folder: string, name: (index: number) => string, count: number, spread: number): SampleFile[] =>
    Array.from({ length: count }, (_, index) => ({
      key: `${folder}/${name(index)}`,
      // Sizes of every magnitude up to the spread, the same on each run.
      sizeBytes: createHash('sha256').update(`${folder}${index}`).digest().readUInt32BE() % (spread >> (index % 8)),
    }));
  const number = (index: number) => String(index + 1).padStart(4, '0');
  const files = [
    ...largeFiles,
    ...hardSizes.map((sizeBytes) => ({ key: `sizes/${sizeBytes} bytes.bin`, sizeBytes })),
    ...hardNames.map((name, index) => ({ key: `names/${name}`, sizeBytes: 100 + index * 331 })),
    ...small('photos/2025', (index) => `IMG_${number(index)}.jpg`, 90, 900 * kibibyte),
    ...small('documents/reports', (index) => `report-${number(index)}.pdf`, 40, 300 * kibibyte),
    ...small('documents', (index) => `note ${index + 1}.txt`, 25, 16 * kibibyte),
  ];
  return files.sort((one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)));
}

const cipherKey = createHash('sha256').update('sample files').digest();

/** The bytes of a sample file: a key stream of AES-256 in counter mode, started at the hash of the file's name. */
export function sampleBytes(file: SampleFile): Readable {
  return Readable.from(chunks(file), { objectMode: false });
}

function* chunks({ key, sizeBytes }: SampleFile): Generator<Buffer> {
  const cipher = createCipheriv('aes-256-ctr', cipherKey, createHash('sha256').update(key).digest().subarray(0, 16));
  const zeros = Buffer.alloc(256 * kibibyte);
  for (let left = sizeBytes; left > 0; left -= zeros.length) {
    yield cipher.update(left >= zeros.length ? zeros : zeros.subarray(0, left));
  }
}

/** SHA-256 of a sample file, hex. */
export function sampleHash(file: SampleFile): string {
  const hash = createHash('sha256');
  for (const chunk of chunks(file)) hash.update(chunk);
  return hash.digest('hex');
}
