import type { z } from 'zod';
import { configSchema } from '../core/config.ts';

interface Variable {
  name: string;
  description: string;
  /** undefined: none, or told in the description. */
  default: string | undefined;
}

/** Every environment variable, from the one schema. */
export function variables(): Variable[] {
  return Object.entries(configSchema.shape).map(([name, schema]: [string, z.ZodType]) => {
    const description = schema.description ?? '';
    const parsed = schema.safeParse(undefined);
    const value = parsed.success && parsed.data !== undefined ? String(parsed.data) : '';
    // A default that depends on the machine is told in words.
    return { name, description, default: value === '' || description.includes('Default: ') ? undefined : value };
  });
}

/** What `npm start -- --help` prints. */
export function helpText(): string {
  const lines = variables().map(
    (variable) =>
      `  ${variable.name}\n      ${variable.description}.${variable.default === undefined ? '' : ` Default: ${variable.default}`}`,
  );
  return `Usage: npm start [-- --once | --help]

Starts Skyferry with all that it needs: Postgres, Redis, the API with the app, workers and two local clouds with sample
files, and moves the files from one to the other. Stays up until Ctrl-C; data is kept for the next start.

  --once   ends after the first transfer: 0 when every object arrived intact, 1 otherwise
  --help   prints this

Environment variables (also read from a file .env):

${lines.join('\n')}
`;
}

/** The text of .env.example. */
export function environmentExample(): string {
  const lines = variables().map(
    (variable) => `# ${variable.description}.\n#${variable.name}=${variable.default ?? ''}\n`,
  );
  return `# Settings of Skyferry. Copy to .env and change what you need; \`npm start\` needs none of them.
# \`npm start -- --help\` prints the same list.

${lines.join('\n')}`;
}

if (import.meta.main) process.stdout.write(environmentExample());
