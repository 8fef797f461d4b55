// @ts-expect-error There is no such file.
export * from './missing.ts';
