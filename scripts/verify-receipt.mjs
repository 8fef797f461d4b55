import { launch } from './launch.mjs';

await launch('verify-receipt.ts', process.argv.slice(2));
