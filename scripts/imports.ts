import { resolve } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { cruiseOptions, importRules } from './import-rules.ts';

export interface Violation {
  rule: string;
  from: string;
  to: string;
}

const rooms = ['core', 'storage', 'queue', 'api', 'worker', 'client', 'emulators'];

/** Every import below `directory` that breaks a rule of import-rules.ts. */
export async function importViolations(directory: string): Promise<Violation[]> {
  const { output } = await cruise(rooms, {
    ...cruiseOptions,
    baseDir: resolve(directory),
    ruleSet: { forbidden: importRules },
    validate: true,
  });
  const { summary } = output as ICruiseResult;
  if (summary.totalCruised < rooms.length) throw new Error('dependency-cruiser saw next to nothing.');
  return summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));
}

/** Rules that find nothing although a violation of each is planted: they would find nothing anywhere. */
export async function blindRules(): Promise<string[]> {
  const found = new Set((await importViolations('test/imports/planted')).map(({ rule }) => rule));
  return importRules.map(({ name }) => name).filter((name) => !found.has(name));
}

if (import.meta.main) {
  const blind = await blindRules();
  const violations = await importViolations('.');
  for (const rule of blind) console.error(`${rule} does not find the import that is planted for it.`);
  for (const { rule, from, to } of violations) console.error(`${from} must not import ${to} (${rule}).`);
  process.exitCode = blind.length + violations.length === 0 ? 0 : 1;
}
