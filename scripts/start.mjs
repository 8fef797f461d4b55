import { launch } from './launch.mjs';

await launch('main.ts', process.argv.slice(2));
