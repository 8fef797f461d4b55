import type { DropboxServer } from '../../emulators/dropbox/server.ts';
import type { GcsServer } from '../../emulators/gcs/server.ts';
import type { S3Server } from '../../emulators/s3/server.ts';

/** A request that brings a part, or a whole object, to a cloud. */
export interface Arrival {
  /** Port, as its server sees it, of the connection that it came on. */
  connection: number;
  /** The key; of an upload that names it at its end alone, the upload's id. */
  place: string;
  /** As `partOf` names it; of an object in one request `whole`. */
  part: string;
}

/** Told what brings bytes to one cloud. */
export interface ArrivalListener {
  begun(arrival: Arrival): void;
  /** The request of this connection has ended. `bytes`: what it brought; null: it was refused, or its connection ended first. */
  ended(connection: number, bytes: number | null): void;
  /** What an upload was about. */
  named(upload: string, key: string): void;
}

export type WatchArrivals = (listener: ArrivalListener) => void;

/** The name of a part by its acknowledgement, and by the request that brought it. */
export const partOf = {
  number: (partNumber: number | undefined) => (partNumber === undefined ? 'whole' : `#${partNumber}`),
  offset: (offset: number | string) => `@${offset}`,
};

const isTaken = (status: number | undefined) => status !== undefined && status < 300;

/** Whole objects and parts, sent and copied. */
export function s3Arrivals({ observer }: S3Server): WatchArrivals {
  const counted = new Set(['PutObject', 'UploadPart', 'CopyObject', 'UploadPartCopy']);
  return ({ begun, ended }) => {
    observer.on('arrived', ({ operation, clientPort = 0, key = '', partNumber }) => {
      if (counted.has(operation)) begun({ connection: clientPort, place: key, part: partOf.number(partNumber) });
    });
    observer.on('finished', ({ operation, clientPort = 0, status, bytesReceived }) => {
      if (counted.has(operation)) ended(clientPort, isTaken(status) ? bytesReceived : null);
    });
  };
}

/** Whole objects and parts. */
export function gcsArrivals({ observer }: GcsServer): WatchArrivals {
  const counted = new Set(['xml.put', 'xml.putPart']);
  return ({ begun, ended }) => {
    observer.on('arrived', ({ operation, clientPort = 0, name = '', partNumber }) => {
      if (counted.has(operation)) begun({ connection: clientPort, place: name, part: partOf.number(partNumber) });
    });
    observer.on('finished', ({ operation, clientPort = 0, status, bytesReceived }) => {
      if (counted.has(operation)) ended(clientPort, isTaken(status) ? bytesReceived : null);
    });
  };
}

interface SessionArgument {
  cursor: { session_id: string; offset: number };
  entries: { cursor: { session_id: string }; commit: { path: string } }[];
}

/** Parts of sessions: what goes into one session is told from what goes into another one for the same file. */
export function dropboxArrivals({ observer }: DropboxServer): WatchArrivals {
  return ({ begun, ended, named }) => {
    observer.on('arrived', ({ route, argument, clientPort = 0 }) => {
      const { cursor, entries = [] } = argument as SessionArgument;
      if (route === 'files/upload_session/append_v2') {
        begun({ connection: clientPort, place: cursor.session_id, part: partOf.offset(cursor.offset) });
      }
      if (route !== 'files/upload_session/finish_batch_v2') return;
      for (const { cursor, commit } of entries) named(cursor.session_id, commit.path.slice(1));
    });
    observer.on('finished', ({ route, clientPort = 0, status, bodyBytes }) => {
      if (route === 'files/upload_session/append_v2') ended(clientPort, isTaken(status) ? bodyBytes : null);
    });
  };
}
