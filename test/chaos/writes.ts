import type { Arrival, ArrivalListener } from './arrivals.ts';

/** What a destination takes. */
export interface Write extends Arrival {
  cloud: string;
  bytes: number;
  /** When its server had answered; null: it has not. */
  endedAt: number | null;
  /** Whether a fault hit it while it was under way, so that it may be sent again, or may itself come too late. */
  isExcused: boolean;
}

type Which = (write: Write) => boolean;

/** Which connections: those of each cloud, by its name. */
export type Connections = ReadonlyMap<string, ReadonlySet<number>>;

export const isOn =
  (connections: Connections): Which =>
  ({ cloud, connection }) =>
    connections.get(cloud)?.has(connection) ?? false;

/** After the end of a connection's client, what it had sent may still be on the wire. */
const lateMs = 1_000;

/** What the destinations took, from which repetitions are told, and which of it a fault may have made somebody repeat. */
export class Writes {
  readonly #underWay = new Map<string, Write>();
  #taken: Write[] = [];
  #strays: { which: Which; until: number }[] = [];
  /** How often whole objects have to begin again, by key. */
  readonly #spoilt = new Map<string, number>();

  /** What is told of one cloud. */
  listen(cloud: string): ArrivalListener {
    const idOf = (connection: number) => `${cloud}/${connection}`;
    return {
      begun: (arrival) => {
        const write = { ...arrival, cloud, bytes: 0, endedAt: null, isExcused: false };
        this.#strays = this.#strays.filter(({ until }) => until > Date.now());
        write.isExcused = this.#strays.some(({ which }) => which(write));
        this.#underWay.set(idOf(arrival.connection), write);
      },
      ended: (connection, bytes) => {
        const write = this.#underWay.get(idOf(connection));
        this.#underWay.delete(idOf(connection));
        // What was not answered has to be repeated.
        if (write === undefined || bytes === null) return;
        this.#taken.push(Object.assign(write, { bytes, endedAt: Date.now() }));
      },
      named: (upload, key) => {
        for (const write of this.#taken) {
          if (write.cloud === cloud && write.place === upload) {
            Object.assign(write, { place: key, part: `${upload}${write.part}` });
          }
        }
      },
    };
  }

  /**
   * Of these writes nobody may hear the answer: of those under way, of those that were answered since `since`, and of what
   * is still on the wire until a moment after the returned function was called.
   */
  lose(which: Which, since = Date.now()): () => void {
    for (const write of this.#underWay.values()) write.isExcused ||= which(write);
    for (const write of this.#taken) write.isExcused ||= (write.endedAt ?? 0) >= since && which(write);
    const stray = { which, until: Number.POSITIVE_INFINITY };
    this.#strays.push(stray);
    return () => {
      stray.until = Date.now() + lateMs;
    };
  }

  /** What was taken and is not excused, to be excused by whoever knows better. */
  taken(which: Which): Write[] {
    return this.#taken.filter((write) => !write.isExcused && which(write));
  }

  /** The object arrives damaged: once that comes to light it begins again. */
  spoil(key: string): void {
    this.#spoilt.set(key, (this.#spoilt.get(key) ?? 0) + 1);
  }

  /**
   * How many parts and objects below a prefix were taken more than once, and their bytes; forgets them.
   *
   * @param restarts How often each object was begun anew for the asking.
   */
  takeRepeated(prefix: string, restarts: ReadonlyMap<string, number> = new Map()) {
    const seen = new Map<string, Write>();
    const unexcused = new Map<string, number>();
    const repeated = { count: 0, bytes: 0, unexcused: [] as string[] };
    for (const write of this.#taken.filter(({ place }) => place.startsWith(prefix))) {
      const name = `${write.place} ${write.part}`;
      const former = seen.get(name);
      seen.set(name, write);
      if (former === undefined) continue;
      repeated.count += 1;
      repeated.bytes += write.bytes;
      if (former.isExcused || write.isExcused) continue;
      const times = (unexcused.get(name) ?? 0) + 1;
      unexcused.set(name, times);
      const allowed = (this.#spoilt.get(write.place) ?? 0) + (restarts.get(write.place) ?? 0);
      if (times > allowed) repeated.unexcused.push(name);
    }
    this.#taken = this.#taken.filter(({ place }) => !place.startsWith(prefix));
    return repeated;
  }
}
