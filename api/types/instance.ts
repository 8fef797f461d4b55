import { readFileSync } from 'node:fs';
import { hasUsers } from '../auth/sign-up.ts';
import { builder } from '../builder.ts';
import { registeredProviders } from '../oauth/apps.ts';
import { OAuthProvider } from './oauth-provider.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const Instance = builder.objectRef<object>('Instance').implement({
  description: 'This installation of Skyferry, as far as it is known without signing in.',
  fields: (t) => ({
    name: t.string({ description: 'Name of the product.', resolve: () => 'Skyferry' }),
    version: t.string({ description: 'Version of the software, as in 1.2.3.', resolve: () => version }),
    signUpOpen: t.boolean({
      description: 'Whether somebody new can sign up now. The very first user always can.',
      resolve: async (_instance, _args, { services }) =>
        services.config.SIGN_UP === 'open' || !(await hasUsers(services.db)),
    }),
    passwordResetAvailable: t.boolean({
      description: 'Whether forgotten passwords can be reset by mail.',
      resolve: (_instance, _args, { services }) => services.mailer !== null,
    }),
    oauthProviders: t.field({
      type: [OAuthProvider],
      description:
        'Clouds whose accounts can be connected by `startOAuth`, because the operator registered an app there.',
      resolve: (_instance, _args, { services }) => registeredProviders(services.config),
    }),
    machineIdentityAllowed: t.boolean({
      description: 'Whether accounts may use the cloud identity of the machine that Skyferry runs on.',
      resolve: (_instance, _args, { services }) => services.operator.machineIdentity,
    }),
    needsFirstUser: t.boolean({
      description: 'Whether nobody has signed up yet. The first user becomes the administrator.',
      resolve: async (_instance, _args, { services }) => !(await hasUsers(services.db)),
    }),
  }),
});

builder.queryField('instance', (t) =>
  t.field({
    type: Instance,
    description: 'This installation: what a sign-in page needs to know.',
    resolve: () => ({}),
  }),
);
