import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './graphql-env.d.ts';

/** Writes a GraphQL document whose result and variables are typed by schema.graphql. */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  /** Fragments say what a component reads; hiding their fields from their own page would only add unwrapping. */
  disableMasking: true;
  scalars: {
    /** ISO 8601, UTC. */
    DateTime: string;
    /** 64-bit, as a decimal string. */
    ByteSize: string;
    /** ISO 8601, such as P30D. */
    Duration: string;
    URL: string;
    JSON: unknown;
  };
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
