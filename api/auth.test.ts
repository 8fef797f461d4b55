import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startTestSmtp, type TestSmtp } from '../test/support/smtp.ts';

let api: TestApi;
let smtp: TestSmtp;
beforeAll(async () => {
  smtp = await startTestSmtp();
  api = await startTestApi({ SMTP_URL: smtp.url });
});
afterAll(async () => {
  await api.close();
  await smtp.close();
});

const password = 'correct horse battery';
/** Nobody's: refused before it is hashed, which saves the tests' time. */
const tooLong = 'x'.repeat(200);
const signUp = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { user { email name role } token userErrors { field code message remedy } } }`;
const signIn = `mutation ($input: SignInInput!) {
  signIn(input: $input) { user { email } token userErrors { field code message remedy } } }`;
const viewer = '{ viewer { id email } }';

function cookieOf(headers: Headers): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}

describe('signing up', () => {
  test('of many at once into an empty installation, exactly one becomes administrator', async () => {
    const own = await startTestApi();
    try {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          own.query(signUp, { input: { email: `u${index}@example.com`, password, name: 'U' } }),
        ),
      );
      const roles = answers.map(({ data }) => data.signUp.user.role);
      expect(roles.filter((role) => role === 'ADMIN')).toHaveLength(1);
      expect(await own.db.user.count({ where: { role: 'ADMIN' } })).toBe(1);
      expect(await own.db.user.count()).toBe(20);
    } finally {
      await own.close();
    }
  });

  test('closed sign-up still lets the first user in, and only him', async () => {
    const own = await startTestApi({ SIGN_UP: 'closed' });
    try {
      const instance = '{ instance { signUpOpen needsFirstUser passwordResetAvailable } }';
      expect((await own.query(instance)).data.instance).toEqual({
        signUpOpen: true,
        needsFirstUser: true,
        passwordResetAvailable: false,
      });
      const answers = await Promise.all(
        [1, 2, 3].map((index) => own.query(signUp, { input: { email: `c${index}@example.com`, password, name: 'C' } })),
      );
      const codes = answers.map(({ data }) => data.signUp.userErrors[0]?.code ?? data.signUp.user.role);
      expect(codes.toSorted()).toEqual(['ADMIN', 'SIGN_UP_CLOSED', 'SIGN_UP_CLOSED']);
      expect((await own.query(instance)).data.instance).toMatchObject({ signUpOpen: false, needsFirstUser: false });
      expect(await own.db.user.count()).toBe(1);
    } finally {
      await own.close();
    }
  });

  test('of two at once with the same address one is told that it is taken', async () => {
    const input = { email: 'twin@example.com', password, name: 'T' };
    const answers = await Promise.all([api.query(signUp, { input }), api.query(signUp, { input })]);
    const codes = answers.map(({ data }) => data.signUp.userErrors[0]?.code ?? 'signed up');
    expect(codes.toSorted()).toEqual(['CONFLICT', 'signed up']);
  });

  test('an address is taken once, whatever its case', async () => {
    const { email } = await api.signUp();
    const { data } = await api.query(signUp, { input: { email: email.toUpperCase(), password, name: 'Other' } });
    expect(data.signUp).toMatchObject({ user: null, token: null });
    expect(data.signUp.userErrors).toMatchObject([{ field: ['input', 'email'], code: 'CONFLICT' }]);
  });

  test.each([
    ['email', { email: 'nobody', password, name: 'N' }],
    ['email', { email: `${'a'.repeat(250)}@example.com`, password, name: 'N' }],
    ['password', { email: 'short@example.com', password: '123456789', name: 'N' }],
    ['password', { email: 'long@example.com', password: 'x'.repeat(129), name: 'N' }],
    ['name', { email: 'name@example.com', password, name: '  ' }],
    ['name', { email: 'name@example.com', password, name: 'x'.repeat(101) }],
    ['name', { email: 'name@example.com', password, name: 'a\0b' }],
    ['name', { email: 'name@example.com', password, name: 'a\ud800b' }],
  ])('a wrong %s is named as the field at fault', async (field, input) => {
    const { data } = await api.query(signUp, { input });
    expect(data.signUp.user).toBeNull();
    expect(data.signUp.userErrors).toMatchObject([{ field: ['input', field], code: 'INVALID_INPUT' }]);
  });
});

describe('signing in', () => {
  test('sets a cookie that scripts in pages cannot read and returns a token; both open the session', async () => {
    const { email } = await api.signUp();
    const answer = await api.query(signIn, { input: { email: ` ${email.toUpperCase()}`, password } });
    expect(answer.data.signIn).toMatchObject({ user: { email }, userErrors: [] });
    const [cookie = ''] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/^skyferry\.session_token=/);
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=Lax/i);
    expect(cookie).not.toMatch(/; Secure/i);
    const byToken = await api.query(viewer, {}, { token: answer.data.signIn.token });
    const byCookie = await api.query(viewer, {}, { headers: { cookie: cookieOf(answer.headers) } });
    expect(byToken.data.viewer.email).toBe(email);
    expect(byCookie.data.viewer.email).toBe(email);
  });

  test('behind https the cookie is for https only', async () => {
    const own = await startTestApi({ PUBLIC_URL: 'https://ferry.example.com' });
    try {
      const answer = await own.query(signUp, { input: { email: 's@example.com', password, name: 'S' } });
      expect(answer.headers.getSetCookie()[0]).toMatch(/^__Secure-skyferry\.session_token=.*; Secure/i);
      expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000');
    } finally {
      await own.close();
    }
  });

  test('an unknown address and a wrong password answer alike', async () => {
    const { email } = await api.signUp();
    const wrong = await api.query(signIn, { input: { email, password: 'wrong horse battery' } });
    const unknown = await api.query(signIn, { input: { email: 'nobody@example.com', password } });
    expect(wrong.data.signIn.userErrors).toMatchObject([{ field: null, code: 'SIGN_IN_REFUSED' }]);
    expect(unknown.data).toEqual(wrong.data);
    expect(wrong.headers.getSetCookie()).toEqual([]);
  });

  test('a raw token out of the database, unsigned, signs nobody in', async () => {
    const { token, userId } = await api.signUp();
    const session = await api.db.session.findFirstOrThrow({ where: { userId } });
    expect(token.startsWith(session.token)).toBe(true);
    expect((await api.query(viewer, {}, { token })).data.viewer.id).toBeTruthy();
    expect((await api.query(viewer, {}, { token: session.token })).data.viewer).toBeNull();
    const headers = { cookie: `skyferry.session_token=${session.token}` };
    expect((await api.query(viewer, {}, { headers })).data.viewer).toBeNull();
  });

  test('an expired session is none', async () => {
    const { token, userId } = await api.signUp();
    await api.db.session.updateMany({ where: { userId }, data: { expiresAt: new Date(Date.now() - 1000) } });
    expect((await api.query(viewer, {}, { token })).data.viewer).toBeNull();
  });

  test('after 10 failures an address is locked for that place, with the wait in the message; others are not', async () => {
    const { email } = await api.signUp();
    const other = await api.signUp();
    for (let tries = 0; tries < 10; tries++) {
      const { data } = await api.query(signIn, { input: { email, password: `wrong horse ${tries}` } });
      expect(data.signIn.userErrors[0].code).toBe('SIGN_IN_REFUSED');
    }
    const { data } = await api.query(signIn, { input: { email, password } });
    expect(data.signIn.user).toBeNull();
    expect(data.signIn.userErrors).toMatchObject([
      { code: 'RATE_LIMITED', message: expect.stringMatching(/15 minutes/) },
    ]);
    const others = await api.query(signIn, { input: { email: other.email, password } });
    expect(others.data.signIn.user.email).toBe(other.email);
    const headers = { 'x-forwarded-for': '203.0.113.77' };
    const owner = await api.query(signIn, { input: { email, password } }, { headers });
    expect(owner.data.signIn.user.email).toBe(email);
  });

  test('after 100 failures from many places an address is locked for everyone, however often its owner came in', async () => {
    const { email } = await api.signUp();
    const from = (place: number, given: string) =>
      api.query(
        signIn,
        { input: { email, password: given } },
        { headers: { 'x-forwarded-for': `203.0.113.${place}` } },
      );
    for (let tries = 0; tries < 100; tries++) {
      if (tries === 50) expect((await from(200, password)).data.signIn.user.email).toBe(email);
      const { data } = await from(100 + Math.floor(tries / 10), tooLong);
      expect(data.signIn.userErrors[0].code).toBe('SIGN_IN_REFUSED');
    }
    expect((await from(200, password)).data.signIn.userErrors[0].code).toBe('RATE_LIMITED');
  });

  test('a success forgives the failures before it', async () => {
    const { email } = await api.signUp();
    const fail = () => api.query(signIn, { input: { email, password: 'wrong horse battery' } });
    for (let tries = 0; tries < 9; tries++) await fail();
    expect((await api.query(signIn, { input: { email, password } })).data.signIn.user.email).toBe(email);
    for (let tries = 0; tries < 9; tries++) {
      expect((await fail()).data.signIn.userErrors[0].code).toBe('SIGN_IN_REFUSED');
    }
  });
});

describe('one address of the network', () => {
  test('cannot try many e-mail addresses; a proxy that is not trusted cannot lie about it', async () => {
    const own = await startTestApi({ TRUSTED_PROXIES: '10.0.0.0/8' });
    try {
      const codes: string[] = [];
      for (let index = 0; index < 52; index++) {
        const { data } = await own.query(
          signIn,
          { input: { email: `x${index}@example.com`, password: tooLong } },
          { headers: { 'x-forwarded-for': `203.0.113.${index}` } },
        );
        codes.push(data.signIn.userErrors[0].code);
      }
      expect(codes.filter((code) => code === 'SIGN_IN_REFUSED')).toHaveLength(50);
      expect(codes.slice(50)).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
    } finally {
      await own.close();
    }
  });

  test('does not use up its tries by signing in rightly', async () => {
    const { email } = await api.signUp();
    const headers = { 'x-forwarded-for': '203.0.113.78' };
    const attempt = async (input: object) => {
      const { data } = await api.query(signIn, { input }, { headers });
      return data.signIn.userErrors[0]?.code ?? 'signed in';
    };
    const codes: string[] = [];
    for (let index = 0; index < 49; index++) {
      codes.push(await attempt({ email: `y${index}@example.com`, password: tooLong }));
    }
    for (let index = 0; index < 3; index++) codes.push(await attempt({ email, password }));
    codes.push(await attempt({ email: 'z@example.com', password: tooLong }));
    expect(codes.slice(49)).toEqual(['signed in', 'signed in', 'signed in', 'SIGN_IN_REFUSED']);
    expect(await attempt({ email, password })).toBe('RATE_LIMITED');
  });

  test('is taken from X-Forwarded-For where the proxy is trusted', async () => {
    const own = await startTestApi({ TRUSTED_PROXIES: '127.0.0.1' });
    try {
      const headers = { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' };
      await own.query(signUp, { input: { email: 'p@example.com', password, name: 'P' } }, { headers });
      const event = await own.db.auditEvent.findFirstOrThrow({ where: { action: 'user.sign-up' } });
      expect(event.ipAddress).toBe('203.0.113.9');
      const session = await own.db.session.findFirstOrThrow();
      expect(session.ipAddress).toBe('203.0.113.9');
    } finally {
      await own.close();
    }
  });
});

describe('signing out', () => {
  const signOut = 'mutation { signOut { signedOut userErrors { code } } }';

  test('ends the session of the request only, and again is no error', async () => {
    const { email, token } = await api.signUp();
    const other = (await api.query(signIn, { input: { email, password } })).data.signIn.token;
    expect((await api.query(signOut, {}, { token })).data.signOut).toEqual({ signedOut: true, userErrors: [] });
    expect((await api.query(viewer, {}, { token })).data.viewer).toBeNull();
    expect((await api.query(viewer, {}, { token: other })).data.viewer.email).toBe(email);
    expect((await api.query(signOut, {}, { token })).data.signOut.signedOut).toBe(false);
  });

  test('takes the cookie away', async () => {
    const { email } = await api.signUp();
    const signedIn = await api.query(signIn, { input: { email, password } });
    const answer = await api.query(signOut, {}, { headers: { cookie: cookieOf(signedIn.headers) } });
    expect(answer.headers.getSetCookie().some((cookie) => /session_token=;.*Max-Age=0/i.test(cookie))).toBe(true);
  });
});

describe('a forgotten password', () => {
  const request = `mutation ($input: RequestPasswordResetInput!) {
    requestPasswordReset(input: $input) { requested userErrors { field code message } } }`;
  const reset = `mutation ($input: ResetPasswordInput!) {
    resetPassword(input: $input) { reset userErrors { field code message } } }`;
  const fresh = 'another battery staple';

  async function mailedToken(): Promise<string> {
    const mail = (await smtp.nextMail()).replaceAll('=\n', '').replaceAll('=3D', '=');
    return decodeURIComponent(/reset-password\?token=(\S+)/.exec(mail)?.[1] ?? '');
  }

  test('is set anew with the mailed link, once, and ends every session', async () => {
    const { email, token } = await api.signUp();
    const asked = await api.query(request, { input: { email } });
    expect(asked.data.requestPasswordReset).toEqual({ requested: true, userErrors: [] });
    const link = await mailedToken();
    expect(link.length).toBeGreaterThan(20);
    const stored = await api.db.verification.findMany();
    expect(JSON.stringify(stored)).not.toContain(link);
    const short = await api.query(reset, { input: { token: link, password: 'short' } });
    expect(short.data.resetPassword.userErrors).toMatchObject([
      { field: ['input', 'password'], code: 'INVALID_INPUT' },
    ]);
    const done = await api.query(reset, { input: { token: link, password: fresh } });
    expect(done.data.resetPassword).toEqual({ reset: true, userErrors: [] });
    expect((await api.query(viewer, {}, { token })).data.viewer).toBeNull();
    expect((await api.query(signIn, { input: { email, password } })).data.signIn.user).toBeNull();
    expect((await api.query(signIn, { input: { email, password: fresh } })).data.signIn.user.email).toBe(email);
    const again = await api.query(reset, { input: { token: link, password: fresh } });
    expect(again.data.resetPassword.userErrors).toMatchObject([{ field: ['input', 'token'], code: 'INVALID_INPUT' }]);

    const unkept = await api.query(reset, { input: { token: '\0', password: 'battery correct horse' } });
    expect(unkept.data.resetPassword.userErrors).toMatchObject([{ field: ['input', 'token'], code: 'INVALID_INPUT' }]);
  });

  test('of nobody answers like that of somebody and sends nothing', async () => {
    const { email } = await api.signUp();
    const nobody = await api.query(request, { input: { email: 'nobody@example.com' } });
    const somebody = await api.query(request, { input: { email } });
    expect(nobody.data).toEqual(somebody.data);
    expect(await smtp.nextMail()).toContain(email);
  });

  test('can be asked for 5 times an hour for one address', async () => {
    const { email } = await api.signUp();
    for (let tries = 0; tries < 5; tries++) {
      expect((await api.query(request, { input: { email } })).data.requestPasswordReset.requested).toBe(true);
      await smtp.nextMail();
    }
    const { data } = await api.query(request, { input: { email } });
    expect(data.requestPasswordReset.userErrors[0].code).toBe('RATE_LIMITED');
  });

  test('is not supported without a mail server', async () => {
    const own = await startTestApi();
    try {
      const { data } = await own.query(request, { input: { email: 'a@example.com' } });
      expect(data.requestPasswordReset).toMatchObject({ requested: false, userErrors: [{ code: 'NOT_SUPPORTED' }] });
    } finally {
      await own.close();
    }
  });
});

test('neither passwords nor tokens nor cookies nor e-mail addresses are logged', async () => {
  const { email, token } = await api.signUp();
  await api.query(signIn, { input: { email, password } });
  await api.query(`{ viewer { nonsense(password: "${password}") } }`, {}, { token });
  const refused = await api.query(signIn, { input: { email, password, more: password } });
  expect(refused.errors?.[0]?.extensions.code).toBe('INVALID_INPUT');
  expect(JSON.stringify(refused.errors).includes(password)).toBe(false);
  const log = JSON.stringify(api.logLines());
  expect(log.includes('"msg":"request"')).toBe(true);
  for (const secret of [password, token, token.slice(0, 20), email]) expect(log.includes(secret)).toBe(false);
});
