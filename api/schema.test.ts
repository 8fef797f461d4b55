import { readFile } from 'node:fs/promises';
import {
  type GraphQLSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { errorCodes } from '../core/errors.ts';
import { demoEmail } from '../scripts/demo/first-transfer.ts';
import { errorTable } from './error-table.ts';
import { playgroundTabs } from './http/playground-tabs.ts';
import { limitIntrospection } from './introspection-limit.ts';
import { printedSchema } from './print-schema.ts';
import { schema } from './schema.ts';

/** Everything of the schema that a reader meets, with its description. */
function* described(of: GraphQLSchema): Generator<[name: string, description: string | null | undefined]> {
  for (const type of Object.values(of.getTypeMap())) {
    if (type.name.startsWith('__') || ['String', 'Int', 'Float', 'Boolean', 'ID'].includes(type.name)) continue;
    yield [type.name, type.description];
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        yield [`${type.name}.${field.name}`, field.description];
        if (!('args' in field)) continue;
        for (const argument of field.args)
          yield [`${type.name}.${field.name}(${argument.name}:)`, argument.description];
      }
    }
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
  }
}

test('schema.graphql is what the code makes (else: npm run schema:print)', async () => {
  expect(printedSchema() === (await readFile(new URL('../schema.graphql', import.meta.url), 'utf8'))).toBe(true);
});

test('every type, field, argument, input field and enum value is described in whole sentences', () => {
  const all = [...described(schema)];
  expect(all.length).toBeGreaterThan(250);
  expect(all.filter(([, text]) => !text || text.length < 10 || !/[.!?…]$/.test(text)).map(([name]) => name)).toEqual(
    [],
  );
});

test('every nullable field says what null means', () => {
  const silent: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (!field.type.toString().endsWith('!') && !/\bnull\b/.test(field.description ?? ''))
        silent.push(`${type.name}.${field.name}`);
    }
  }
  expect(silent).toEqual([]);
});

test('every mutation takes one input (or nothing) and returns a payload with userErrors', () => {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const name = `${field.name[0]?.toUpperCase()}${field.name.slice(1)}`;
    expect(field.type.toString()).toBe(`${name}Payload!`);
    expect(field.args.map((argument) => `${argument.name}: ${argument.type}`)).toEqual(
      field.name === 'signOut' ? [] : [`input: ${name}Input!`],
    );
    const payload = schema.getType(`${name}Payload`);
    expect(isObjectType(payload) && payload.getFields().userErrors?.type.toString()).toBe('[UserError!]!');
  }
});

test('every mutation that creates something takes an idempotency key', () => {
  for (const name of ['ConnectAccountInput', 'CreateTransferInput']) {
    const input = schema.getType(name);
    expect(isInputObjectType(input) && input.getFields().idempotencyKey?.type.toString()).toBe('String');
  }
});

test('every error code is published and has a remedy', () => {
  const published = schema.getType('ErrorCode');
  expect(isEnumType(published) && published.getValues().map(({ name }) => name)).toEqual([...errorCodes]);
  for (const code of errorCodes) expect(errorTable[code].remedy.length).toBeGreaterThan(10);
});

test.each(playgroundTabs.map((tab) => [/^(?:#.*\n)*(\w+ \w+)/.exec(tab.query)?.[1], tab] as const))(
  'the playground’s example "%s" fits the schema',
  (_name, tab) => {
    expect(validate(schema, parse(tab.query))).toEqual([]);
  },
);

test('the playground signs in as whom `npm start` makes', () => {
  expect(playgroundTabs.some(({ query }) => query.includes(`email: "${demoEmail}"`))).toBe(true);
});

describe('introspection', () => {
  const refused = (document: string) => validate(schema, parse(document), [limitIntrospection]).length > 0;

  test('of the whole schema, as tools ask for it, is allowed', () => {
    const options = { inputValueDeprecation: true, specifiedByUrl: true, directiveIsRepeatable: true, oneOf: true };
    expect(refused(getIntrospectionQuery(options))).toBe(false);
  });

  test('is bounded, however fragments and aliases multiply it', () => {
    const fragments = 'fragment F on __Schema { types { name fields { name type { name } } } }';
    const aliases = Array.from({ length: 200 }, (_, index) => `a${index}: __schema { ...F }`).join(' ');
    expect(refused(`{ ${aliases} } ${fragments}`)).toBe(true);
    const inner = Array.from({ length: 200 }, (_, index) => `t${index}: types { name description }`).join(' ');
    expect(refused(`{ __schema { ${inner} } }`)).toBe(true);
    const types = Array.from({ length: 200 }, (_, index) => `t${index}: __type(name: "User") { name kind }`).join(' ');
    expect(refused(`{ ${types} }`)).toBe(true);
    const chain = Array.from(
      { length: 12 },
      (_, index) => `fragment C${index} on __Schema { ...C${index + 1} ...C${index + 1} }`,
    );
    expect(refused(`{ __schema { ...C0 } } ${chain.join(' ')} fragment C12 on __Schema { types { name } }`)).toBe(true);
  });
});
