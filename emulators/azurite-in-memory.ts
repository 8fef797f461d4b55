import { createRequire } from 'node:module';

/**
 * Loaded into Azurite before itself where it keeps everything in memory. Every ten minutes it lets go of what was deleted,
 * one piece after another with a search through all: of 8,000 that takes two minutes, in which it answers nothing. No
 * process that keeps data in memory lives long enough to need that.
 */
const constants = createRequire(import.meta.url)('azurite/dist/src/blob/utils/constants.js') as {
  DEFAULT_GC_INTERVAL_MS: number;
};
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1;
