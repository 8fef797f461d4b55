export const room = 'queue';
