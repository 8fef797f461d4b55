import { buildSchema, execute, GraphQLError, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { createLogger } from '../core/log.ts';
import { presentError, withoutValues } from './errors.ts';

const schema = buildSchema(`
  enum Addressing { PATH VIRTUAL }
  input Keys { id: String! secret: String! addressing: Addressing size: Int }
  type Query { connect(keys: Keys!): String }
`);
const secret = 'a "secret"; with: marks';
const byVariable = parse('query ($keys: Keys!) { connect(keys: $keys) }');

async function refusals(keys: unknown): Promise<string[]> {
  const { errors = [] } = await execute({ schema, document: byVariable, variableValues: { keys } });
  return errors.map((error) => withoutValues((error as GraphQLError).message));
}

test.each([
  ['an unknown field beside it', { id: 'a', secret, typo: 1 }, 'Variable "$keys" has a wrong value: Field "typo"'],
  ['a missing field beside it', { secret }, 'Variable "$keys" has a wrong value: Field "id"'],
  [
    'a wrong type around it',
    { id: 'a', secret: [secret] },
    'at "keys.secret": String cannot represent a non string value.',
  ],
  ['an enum in its place', { id: 'a', secret: 'b', addressing: secret }, 'at "keys.addressing": '],
  [
    'a number in its place',
    { id: 'a', secret: 'b', size: secret },
    'at "keys.size": Int cannot represent non-integer value.',
  ],
])('a refused variable is named without its value: %s', async (_, keys, expected) => {
  const messages = await refusals(keys);
  expect(messages.join()).toContain(expected);
  expect(messages.join()).not.toContain('secret";');
  expect(messages.join()).not.toContain('with: marks');
});

test.each([
  '[{ secret: "mine" }]',
  '{ id: 1, secret: "mine" }',
  '{ id: "a", secret: { b: "mine" } }',
  '{id: "a", secret: "b", addressing: "mine" }',
])('a refused literal is named without its value: %s', (literal) => {
  const errors = validate(schema, parse(`{ connect(keys: ${literal}) }`));
  expect(errors.length).toBeGreaterThan(0);
  for (const { message } of errors) expect(withoutValues(message)).not.toContain('mine');
});

test.each([
  '{ connect(keys: { id: "a", secret "mine" }) }',
  '{ connect(keys: { id: "a", secret: "a" "mine" }) }',
  '{ connect(keys: { id: "a", secret: mine"mine" }) }',
  '{ connect(keys: { id: "a", secret: """a""" """mine""" }) }',
  'mine { connect }',
])('a document that is none is refused without what is in it: %s', (text) => {
  const refuse = () => parse(text);
  expect(refuse).toThrow(GraphQLError);
  try {
    refuse();
  } catch (error) {
    const message = withoutValues((error as GraphQLError).message);
    expect(message).toMatch(/^Syntax Error: /);
    expect(message).not.toContain('mine');
  }
});

test("of a refused request's error nothing that a library attached is answered but the status", () => {
  const error = new GraphQLError('No.', {
    extensions: { code: 'BAD', http: { status: 400 }, originalError: { message: secret }, unexpected: true },
  });
  const presented = presentError(error, { requestId: 'r', log: createLogger('api', 'silent') });
  expect(presented.extensions).toEqual({ code: 'INVALID_INPUT', requestId: 'r', http: { status: 400 } });
});
