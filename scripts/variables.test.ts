import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configSchema } from '../core/config.ts';
import { environmentExample, helpText } from './variables.ts';

test('.env.example equals the schema', () => {
  expect(readFileSync('.env.example', 'utf8')).toBe(environmentExample());
});

test('the help names every variable with a description and its default', () => {
  const help = helpText();
  for (const [name, schema] of Object.entries(configSchema.shape)) {
    expect(schema.description, name).toBeTruthy();
    expect(help).toContain(`\n  ${name}\n      ${schema.description}`);
  }
  expect(help).toContain('  PORT\n      Port of app, API and playground; 0 takes a free one. Default: 4000\n');
});
