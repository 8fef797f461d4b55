import { launch } from './launch.mjs';

await launch('smoke.ts', process.argv.slice(2));
