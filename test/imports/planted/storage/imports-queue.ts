export * from '../queue/room.ts';
