import type { z } from 'zod';
import { configSchema } from '../core/config.ts';

interface Variable {
  name: string;
  description: string;
  /** undefined: none, or told in the description. */
  default: string | undefined;
}

/** Every environment variable, from the one schema. */
function variables(): Variable[] {
  return Object.entries(configSchema.shape).map(([name, schema]: [string, z.ZodType]) => {
    const description = schema.description ?? '';
    const parsed = schema.safeParse(undefined);
    const value = parsed.success && parsed.data !== undefined ? String(parsed.data) : '';
    // A default that depends on the machine is told in words.
    return { name, description, default: value === '' || description.includes('Default: ') ? undefined : value };
  });
}

/** The text of .env.example, which `npm start -- --help` prints as well. */
export function environmentExample(): string {
  const lines = variables().map(
    (variable) => `# ${variable.description}.\n#${variable.name}=${variable.default ?? ''}\n`,
  );
  return `# Settings of Skyferry. Copy to .env and change what you need; \`npm start\` needs none of them.
# \`npm start -- --help\` prints the same list.

${lines.join('\n')}`;
}

if (import.meta.main) process.stdout.write(environmentExample());
