import type { FinishedRequest, Observer, RequestInfo } from '../../emulators/s3/observer.ts';

interface Write {
  key: string;
  partNumber: number | undefined;
  bytes: number;
  from: number;
  to: number;
}

/** What a destination took, from which repetitions are told. */
export interface Writes {
  /** How many parts and objects below a prefix were taken more than once, and their bytes; forgets them. */
  takeRepeated(prefix: string): { count: number; bytes: number; unexcused: string[] };
  /** From now until the returned function is called, and for a second on either side, what is under way may be repeated. */
  disturb(): () => void;
}

const slackMs = 1_000;

/** Listens to the S3 server's requests: whole objects and parts that it acknowledged. */
export function watchWrites(observer: Observer): Writes {
  const begun = new Map<string, number>();
  const writes: Write[] = [];
  const disturbances: { from: number; to: number }[] = [];
  const counts = ({ operation }: RequestInfo) => operation === 'PutObject' || operation === 'UploadPart';
  observer.on('arrived', (request) => {
    if (counts(request)) begun.set(request.requestId, Date.now());
  });
  observer.on('finished', (request: FinishedRequest) => {
    const from = begun.get(request.requestId);
    begun.delete(request.requestId);
    // Without a status the connection ended first: the client was told nothing and has to repeat it.
    if (from === undefined || request.status === undefined || request.status >= 300) return;
    const { key = '', partNumber, bytesReceived: bytes } = request;
    writes.push({ key, partNumber, bytes, from, to: Date.now() });
  });
  const isExcused = ({ from, to }: Write) =>
    disturbances.some((window) => from <= window.to + slackMs && to >= window.from - slackMs);
  return {
    takeRepeated(prefix) {
      const seen = new Map<string, Write>();
      const repeated = { count: 0, bytes: 0, unexcused: [] as string[] };
      for (const write of writes.filter(({ key }) => key.startsWith(prefix))) {
        const name = `${write.key}#${write.partNumber ?? 'whole'}`;
        const former = seen.get(name);
        if (former) {
          repeated.count += 1;
          repeated.bytes += write.bytes;
          if (!isExcused(former)) repeated.unexcused.push(name);
        }
        seen.set(name, write);
      }
      const kept = writes.filter(({ key }) => !key.startsWith(prefix));
      writes.splice(0, writes.length, ...kept);
      return repeated;
    },
    disturb() {
      const window = { from: Date.now(), to: Number.POSITIVE_INFINITY };
      disturbances.push(window);
      return () => {
        window.to = Date.now();
      };
    },
  };
}
