import { launch } from './launch.mjs';

await launch('check.ts', process.argv.slice(2));
