import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Service {
  image: string;
  build?: { context: string; dockerfile: string; target?: string };
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  deploy?: { replicas: number };
  read_only?: boolean;
  cap_drop?: string[];
}

export interface Compose {
  name: string;
  services: Record<string, Service>;
  networks?: Record<string, { ipam: { config: { subnet: string }[] } }>;
  volumes: Record<string, unknown>;
}

/** A compose file as it stands, its anchors resolved. */
export function readCompose(path: string): Compose {
  return parse(readFileSync(path, 'utf8'), { merge: true }) as Compose;
}

/** The variables of an env file: one `NAME=value` a line. */
export function readEnvFile(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').matchAll(/^(\w+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/**
 * Compose's merge of two files, as far as ours need it: mappings are merged, what else the later file says replaces the
 * earlier (https://docs.docker.com/reference/compose-file/merge/).
 */
export function mergeCompose(one: Compose, other: Compose): Compose {
  return mergeValues(one, other) as Compose;
}

function mergeValues(one: unknown, other: unknown): unknown {
  if (!isMapping(one) || !isMapping(other)) return other === undefined ? one : other;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, mergeValues(one[name], other[name])]));
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every string with its `${NAME}`, `${NAME:-default}` and `${NAME:?message}` put in. Throws where one is missing. */
export function interpolate<Value>(value: Value, variables: Record<string, string>): Value {
  if (typeof value === 'string') return substitute(value, variables) as Value;
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables)) as Value;
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, interpolate(item, variables)])) as Value;
}

function substitute(text: string, variables: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest = '') => {
    const value = variables[name];
    if (value) return value;
    if (kind === '-') return rest;
    throw new Error(`${name} is not set: ${rest}`);
  });
}
