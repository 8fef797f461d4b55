import SchemaBuilder from '@pothos/core';
import ComplexityPlugin, { ComplexityErrorKind } from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { AppError } from '../core/errors.ts';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import type { Context } from './context.ts';
import { decodeGlobalId, encodeGlobalId } from './global-id.ts';

/** What one operation may cost. A page costs its size times its rows; a call to a cloud costs 25. */
export const operationLimits = { depth: 12, breadth: 500, complexity: 20_000 } as const;

const limitWords: Record<ComplexityErrorKind, string> = {
  [ComplexityErrorKind.Depth]: 'deep',
  [ComplexityErrorKind.Breadth]: 'broad',
  [ComplexityErrorKind.Complexity]: 'expensive',
};

export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    ByteSize: { Input: bigint; Output: bigint };
    /** Milliseconds. */
    Duration: { Input: number; Output: number };
    URL: { Input: never; Output: URL };
  };
  AuthScopes: {
    /** Somebody is signed in. */
    signedIn: boolean;
    /** The signed-in user is the one with this id. */
    owner: string;
  };
}>({
  plugins: [ScopeAuthPlugin, ComplexityPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: (context) => ({
      signedIn: context.viewer !== null,
      owner: (userId) => context.viewer?.id === userId,
    }),
    unauthorizedError: (_parent, context) =>
      context.viewer === null
        ? new AppError('UNAUTHENTICATED', 'You are not signed in.')
        : new AppError('NOT_FOUND', 'There is no such thing.'),
  },
  complexity: {
    defaultComplexity: 1,
    defaultListMultiplier: 1,
    limit: operationLimits,
    complexityError: (kind, result) =>
      new AppError(
        'INVALID_INPUT',
        `The operation is too ${limitWords[kind]}: depth ${result.depth} of ${result.maxDepth}, ` +
          `fields ${result.breadth} of ${result.maxBreadth}, cost ${result.complexity} of ${result.maxComplexity}. ` +
          'Ask for smaller pages or fewer fields.',
      ),
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    encodeGlobalID: (typename, id) => encodeGlobalId(typename, String(id)),
    decodeGlobalID: decodeGlobalId,
    brandLoadedObjects: true,
    idFieldOptions: { description: 'Opaque id, unique over all types. Give it back as it is; do not take it apart.' },
    nodeTypeOptions: { description: 'Anything that can be fetched again by its id.' },
    nodeQueryOptions: {
      description: 'Anything of the viewer by its id. null: there is no such thing, or it belongs to someone else.',
      args: { id: { description: 'Id of anything.' } },
      authScopes: { signedIn: true },
    },
    nodesQueryOptions: {
      description: 'Up to 100 things of the viewer by their ids, in the order of the ids; null for each that is none.',
      args: { ids: { description: 'Ids of anything, 1 to 100.' } },
      authScopes: { signedIn: true },
      complexity: ({ ids }) => ({ field: ids.length, multiplier: ids.length }),
      resolve: (_root, { ids }, _context, _info, resolveNodes) => {
        if (ids.length < 1 || ids.length > 100) {
          throw new AppError('INVALID_INPUT', 'Ask for 1 to 100 nodes at once.');
        }
        return resolveNodes(ids);
      },
    },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    hasNextPageFieldOptions: { description: 'Whether there is something after this page, as far as it is known.' },
    hasPreviousPageFieldOptions: { description: 'Whether there is something before this page, as far as it is known.' },
    startCursorFieldOptions: {
      description: 'Cursor of the first row, for `before` of the page before. null on an empty page.',
    },
    endCursorFieldOptions: {
      description: 'Cursor of the last row, for `after` of the next page. null on an empty page.',
    },
    cursorFieldOptions: {
      description: "Opaque cursor of this row, for `after` and `before` of the same list's field.",
    },
    nodeFieldOptions: { description: 'The row itself.' },
    edgesFieldOptions: { description: 'The rows of this page with their cursors.' },
    nodesOnConnection: { description: 'The rows of this page, without their cursors.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    firstArgOptions: {
      description: 'Size of the page from the start (or from `after`), 1 to 100. Default 25. Not together with `last`.',
    },
    lastArgOptions: {
      description: 'Size of the page from the end (or from `before`), 1 to 100. Not together with `first`.',
    },
    afterArgOptions: { description: 'Only rows after the one with this cursor.' },
    beforeArgOptions: { description: 'Only rows before the one with this cursor.' },
    mutationInputArgOptions: { description: 'What to do.' },
  },
  prisma: {
    client: (context) => context.services.db,
    dmmf: getDatamodel(),
    exposeDescriptions: false,
    onUnusedQuery: null,
  },
});

builder.queryType({ description: 'What can be read. Everything but `instance` and `viewer` needs a sign-in.' });
builder.mutationType({
  description:
    'What can be changed. Each mutation takes one `input` and returns a payload with `userErrors`; what the caller cannot mend comes as an error with `extensions.code` and `extensions.requestId`.',
});
builder.subscriptionType({
  description:
    'What can be watched, over WebSocket (graphql-transport-ws) or server-sent events, on the same path as everything else.',
});
