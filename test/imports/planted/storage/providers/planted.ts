export const provider = 'planted';
