export const room = 'core';
