import type { RequestInfo } from '../../emulators/dropbox/observer.ts';
import type { DropboxServer } from '../../emulators/dropbox/server.ts';
import type { GcsServer } from '../../emulators/gcs/server.ts';
import type { S3Server } from '../../emulators/s3/server.ts';

/** How a cloud answers amiss. */
export interface Spoiling {
  kind: 'throttles' | 'truncates' | 'corrupts' | 'loses-answer';
  side: 'read' | 'write';
  /** Of the requests that it is about: the keys of transfers under way. */
  keys: RegExp;
  /** Requests that are spoilt. */
  count: number;
  /** Where in a body it strikes. */
  atByte: number;
  /** Chooses among the operations that can be spoilt so. */
  choice: number;
}

/** A request that was spoilt. */
export interface Met {
  what: string;
  /** Its object; undefined where the request does not tell. */
  key: string | undefined;
}

/** A spoiling that waits for its request. */
export interface Planted {
  /** Resolves with the first request that met it. */
  hit: Promise<Met>;
  remove(): void;
}

/** Spoils the next requests of the product. `onMet` is told of each. */
export type Spoil = (spoiling: Spoiling, onMet: (met: Met) => void) => Planted;

/** One fault for each request. */
function plant(
  { count }: Spoiling,
  onMet: (met: Met) => void,
  add: () => { hit: Promise<Met>; remove(): void },
): Planted {
  const planted = Array.from({ length: count }, add);
  for (const { hit } of planted) void hit.then(onMet);
  return {
    hit: Promise.race(planted.map(({ hit }) => hit)),
    remove: () => {
      for (const { remove } of planted) remove();
    },
  };
}

const oneOf = <T>(choices: readonly T[], { choice }: Spoiling): T => choices[choice % choices.length] as T;
const retryAfterSeconds = 1;

export function s3Spoiler({ faults }: S3Server): Spoil {
  return (spoiling, onMet) => {
    const { kind, side, keys: key, atByte } = spoiling;
    const operation =
      side === 'read'
        ? 'GetObject'
        : kind === 'loses-answer'
          ? oneOf(['PutObject', 'UploadPart', 'CompleteMultipartUpload'] as const, spoiling)
          : oneOf(['PutObject', 'UploadPart'] as const, spoiling);
    const action = {
      throttles: { kind: 'slowDown', retryAfterSeconds },
      truncates: { kind: 'truncate', afterBytes: atByte },
      corrupts: { kind: 'corrupt', atByte },
      'loses-answer': { kind: 'loseAnswer' },
    } as const;
    return plant(spoiling, onMet, () => {
      const { hit, remove } = faults.add({ match: { operation, key }, action: action[kind] });
      return { hit: hit.then(({ key }) => ({ what: `${operation} of ${key}`, key })), remove };
    });
  };
}

export function gcsSpoiler({ faults }: GcsServer): Spoil {
  return (spoiling, onMet) => {
    const { kind, side, keys: name, atByte } = spoiling;
    const operation =
      side === 'read'
        ? 'xml.get'
        : kind === 'loses-answer'
          ? oneOf(['xml.put', 'xml.putPart', 'xml.complete'] as const, spoiling)
          : oneOf(['xml.put', 'xml.putPart'] as const, spoiling);
    const action = {
      throttles: { kind: 'status', status: 429, retryAfterSeconds },
      truncates: { kind: 'truncate', afterBytes: atByte },
      corrupts: { kind: 'corrupt', atByte },
      'loses-answer': { kind: 'loseAnswer' },
    } as const;
    return plant(spoiling, onMet, () => {
      const { hit, remove } = faults.add({ match: { operation, name }, action: action[kind] });
      return { hit: hit.then(({ name: key }) => ({ what: `${operation} of ${key}`, key })), remove };
    });
  };
}

/** Uploads name what they are about at their end alone: the parts of all transfers are meant. */
export function dropboxSpoiler({ faults }: DropboxServer): Spoil {
  return (spoiling, onMet) => {
    const { kind, side, keys: path, atByte } = spoiling;
    const finish = 'files/upload_session/finish_batch_v2';
    const append = 'files/upload_session/append_v2';
    const match =
      side === 'read'
        ? { route: 'files/download', path }
        : kind === 'corrupts'
          ? oneOf([{ route: append }, { route: 'files/upload_session/start' }], spoiling)
          : kind === 'throttles'
            ? { route: finish, path }
            : oneOf([{ route: finish, path }, { route: append }], spoiling);
    const action = {
      throttles: { kind: 'rateLimit', retryAfterSeconds },
      truncates: { kind: 'truncate', afterBytes: atByte },
      corrupts: { kind: 'corrupt' },
      'loses-answer': { kind: 'loseAnswer' },
    } as const;
    return plant(spoiling, onMet, () => {
      const { hit, remove } = faults.add({ match, action: action[kind] });
      const toMet = ({ route, path }: RequestInfo) => ({
        what: `${route} of ${path ?? 'a part'}`,
        key: path?.slice(1),
      });
      return { hit: hit.then(toMet), remove };
    });
  };
}
