export * from '../storage/room.ts';
