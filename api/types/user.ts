import { builder } from '../builder.ts';
import { nilId } from '../global-id.ts';

const UserRole = builder.enumType('UserRole', {
  description: 'What a user may do.',
  values: {
    ADMIN: { description: 'Runs this Skyferry. The first user is one.' },
    MEMBER: { description: 'Uses own accounts and transfers.' },
  } as const,
});

export const User = builder.prismaNode('User', {
  description: 'A person who can sign in. Only oneself is visible.',
  id: { field: 'id', description: 'Opaque id of the user.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id: id === viewer?.id ? id : nilId }),
  authScopes: (user) => ({ owner: user.id }),
  fields: (t) => ({
    email: t.exposeString('email', { description: 'E-mail address, lower-case; what one signs in with.' }),
    name: t.exposeString('name', { description: 'Name to be greeted with.' }),
    role: t.expose('role', { type: UserRole, description: 'What the user may do.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the user signed up.' }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: User,
    nullable: true,
    description: 'Who is signed in. null: nobody.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);
