import { launch } from './launch.mjs';

await launch('dev.ts', process.argv.slice(2));
