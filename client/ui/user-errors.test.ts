import { expect, it } from 'vitest';
import { sortUserErrors } from './user-errors.ts';

const fields = ['name', 'endpoint', 'accessKeyId'] as const;

it('puts an error beside the innermost field that its path names', () => {
  const error = {
    field: ['input', 'credentials', 's3', 'endpoint'],
    code: 'ENDPOINT_INVALID',
    message: 'Nobody answers there.',
    remedy: 'Check it.',
  };
  expect(sortUserErrors([error], fields)).toEqual({
    byField: { endpoint: 'Nobody answers there. Check it.' },
    general: [],
  });
});

it('keeps the first error of a field', () => {
  const { byField } = sortUserErrors(
    [
      { field: ['input', 'name'], code: 'INVALID_INPUT', message: 'Too long.', remedy: '' },
      { field: ['input', 'name'], code: 'CONFLICT', message: 'Taken.', remedy: '' },
    ],
    fields,
  );
  expect(byField).toEqual({ name: 'Too long.' });
});

it('keeps what concerns no field of the form as general', () => {
  const whole = {
    field: null,
    code: 'SIGN_UP_CLOSED',
    message: 'Sign-up is closed.',
    remedy: 'Ask the administrator.',
  };
  const elsewhere = {
    field: ['input', 'sessionToken'],
    code: 'CREDENTIALS_INVALID',
    message: 'Expired.',
    remedy: 'Make a new one.',
  };
  expect(sortUserErrors([whole, elsewhere], fields)).toEqual({ byField: {}, general: [whole, elsewhere] });
});

it('puts what a cloud said without naming a field where its code belongs', () => {
  const refused = { field: null, code: 'CREDENTIALS_INVALID', message: 'Refused.', remedy: '' };
  expect(sortUserErrors([refused], fields, { CREDENTIALS_INVALID: 'accessKeyId' })).toEqual({
    byField: { accessKeyId: 'Refused.' },
    general: [],
  });
});
