import { readFileSync } from 'node:fs';
import { launch } from './launch.mjs';

const usage = `Usage: npm start [-- --once | --help]

Starts Skyferry with all that it needs: Postgres, Redis, the API with the app, workers and two local clouds with sample
files, and moves the files from one to the other. Stays up until Ctrl-C; data is kept for the next start.

  --once   ends after the first transfer: 0 when every object arrived intact, 1 otherwise
  --help   prints this

Environment variables, also read from a file .env, with their defaults:

`;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  // Before anything is installed: people read before they run. A test keeps the file equal to the schema.
  process.stdout.write(usage + readFileSync(new URL('../.env.example', import.meta.url), 'utf8'));
} else {
  await launch('main.ts', args);
}
