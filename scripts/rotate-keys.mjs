import { launch } from './launch.mjs';

await launch('rotate-keys.ts', process.argv.slice(2));
