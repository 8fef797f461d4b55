import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configSchema } from '../core/config.ts';
import { environmentExample } from './variables.ts';

test('.env.example equals the schema', () => {
  expect(readFileSync('.env.example', 'utf8')).toBe(environmentExample());
});

test('it names every variable with a description and its default', () => {
  for (const [name, schema] of Object.entries(configSchema.shape)) {
    expect(schema.description, name).toBeTruthy();
    expect(environmentExample()).toContain(`\n# ${schema.description}.\n#${name}=`);
  }
  expect(environmentExample()).toContain('# Port of app, API and playground; 0 takes a free one.\n#PORT=4000\n');
});
