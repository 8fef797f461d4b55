import type { FinishedRequest, Observer, RequestInfo } from '../../emulators/s3/observer.ts';

interface Write {
  name: string;
  key: string;
  bytes: number;
  from: number;
  to: number;
}

/** What destinations took, from which repetitions are told. */
export interface Writes {
  /** How many parts and objects below a prefix were taken more than once, and their bytes; forgets them. */
  takeRepeated(prefix: string): { count: number; bytes: number; unexcused: string[] };
  /** From now until the returned function is called, and for `slackMs` on either side, what is under way may be repeated. */
  disturb(): () => void;
  /** What a worker that slept too long sends when it wakes up may be there already. */
  wake(): void;
}

/** From an acknowledgement to its checkpoint in Postgres, on a busy machine. */
const slackMs = 2_000;
const counted = new Set(['PutObject', 'UploadPart', 'CopyObject', 'UploadPartCopy']);

interface Window {
  from: number;
  to: number;
}

/** Listens to the S3 servers' requests: whole objects and parts that they acknowledged. */
export function watchWrites(observers: readonly Observer[]): Writes {
  const begun = new Map<string, number>();
  const writes: Write[] = [];
  const disturbances: Window[] = [];
  const awakenings: Window[] = [];
  for (const [server, observer] of observers.entries()) {
    const idOf = ({ requestId }: RequestInfo) => `${server}/${requestId}`;
    observer.on('arrived', (request) => {
      if (counted.has(request.operation)) begun.set(idOf(request), Date.now());
    });
    observer.on('finished', (request: FinishedRequest) => {
      const from = begun.get(idOf(request));
      begun.delete(idOf(request));
      // Without a status the connection ended first: the client was told nothing and has to repeat it.
      if (from === undefined || request.status === undefined || request.status >= 300) return;
      const { key = '', partNumber, bytesReceived: bytes } = request;
      writes.push({ name: `${key}#${partNumber ?? 'whole'}`, key, bytes, from, to: Date.now() });
    });
  }
  const isIn = (windows: readonly Window[], { from, to }: Write) =>
    windows.some((window) => from <= window.to + slackMs && to >= window.from - slackMs);
  return {
    takeRepeated(prefix) {
      const seen = new Map<string, Write>();
      const repeated = { count: 0, bytes: 0, unexcused: [] as string[] };
      for (const write of writes.filter(({ key }) => key.startsWith(prefix))) {
        const former = seen.get(write.name);
        if (former) {
          repeated.count += 1;
          repeated.bytes += write.bytes;
          if (!isIn(disturbances, former) && !isIn(awakenings, write)) repeated.unexcused.push(write.name);
        }
        seen.set(write.name, write);
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
    wake() {
      awakenings.push({ from: Date.now(), to: Date.now() });
    },
  };
}
