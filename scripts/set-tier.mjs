import { launch } from './launch.mjs';

await launch('set-tier.ts', process.argv.slice(2));
