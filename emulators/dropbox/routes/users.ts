import { text } from '../arguments.ts';
import { type Route, usedBytes } from '../service.ts';

export const userRoutes: Record<string, Route> = {
  'users/get_current_account': {
    style: 'rpc',
    scope: 'account_info.read',
    run: ({ account }) => {
      const { id, email, teamName, home, root } = account;
      const name = email.split('@')[0] as string;
      return {
        account_id: `dbid:${id}`,
        name: {
          given_name: name,
          surname: 'Test',
          familiar_name: name,
          display_name: `${name} Test`,
          abbreviated_name: name.slice(0, 2).toUpperCase(),
        },
        email,
        email_verified: true,
        disabled: false,
        locale: 'en',
        referral_link: 'https://db.tt/test',
        is_paired: false,
        account_type: { '.tag': teamName === undefined ? 'basic' : 'business' },
        ...(teamName === undefined ? {} : { team: { id: 'dbtid:team', name: teamName } }),
        root_info: {
          '.tag': root === home ? 'user' : 'team',
          root_namespace_id: root.id,
          home_namespace_id: home.id,
          ...(root === home ? {} : { home_path: `/${name}` }),
        },
      };
    },
  },
  'users/get_space_usage': {
    style: 'rpc',
    scope: 'account_info.read',
    run: ({ account }) => ({
      used: usedBytes(account),
      allocation: { '.tag': 'individual', allocated: account.allocatedBytes },
    }),
  },
  'check/user': { style: 'rpc', run: ({ argument }) => ({ result: text(argument, 'query') }) },
  'auth/token/revoke': {
    style: 'rpc',
    run: ({ service, token }) => {
      service.grants.revoke(token);
      return null;
    },
  },
};
