export * from '../storage/providers/planted.ts';
