export const room = 'worker';
