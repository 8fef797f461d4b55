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

/** A spoiling that waits for its request. */
export interface Planted {
  /** Resolves with the request that met it, in words. */
  hit: Promise<string>;
  remove(): void;
}

/** Spoils the next requests of the product. */
export type Spoil = (spoiling: Spoiling) => Planted;

const oneOf = <T>(choices: readonly T[], { choice }: Spoiling): T => choices[choice % choices.length] as T;
const retryAfterSeconds = 1;

export function s3Spoiler({ faults }: S3Server): Spoil {
  return (spoiling) => {
    const { kind, side, keys: key, count, atByte } = spoiling;
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
    const planted = faults.add({ match: { operation, key, count }, action: action[kind] });
    return { hit: planted.hit.then((request) => `${request.operation} of ${request.key}`), remove: planted.remove };
  };
}

export function gcsSpoiler({ faults }: GcsServer): Spoil {
  return (spoiling) => {
    const { kind, side, keys: name, count, atByte } = spoiling;
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
    const planted = faults.add({ match: { operation, name, count }, action: action[kind] });
    return { hit: planted.hit.then((request) => `${request.operation} of ${request.name}`), remove: planted.remove };
  };
}

/** Uploads name what they are about at their end alone: the parts of all transfers are meant. */
export function dropboxSpoiler({ faults }: DropboxServer): Spoil {
  return (spoiling) => {
    const { kind, side, keys: path, count, atByte } = spoiling;
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
    const planted = faults.add({ match: { ...match, count }, action: action[kind] });
    return { hit: planted.hit.then(({ route, path }) => `${route} of ${path ?? 'a part'}`), remove: planted.remove };
  };
}
