export * from '../api/room.ts';
