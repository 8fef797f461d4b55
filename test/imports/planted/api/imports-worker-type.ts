export type * from '../worker/room.ts';
