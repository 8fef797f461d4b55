import { launch } from './launch.mjs';

await launch('../test/chaos/main.ts', process.argv.slice(2));
