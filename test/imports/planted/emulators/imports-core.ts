export * from '../core/room.ts';
