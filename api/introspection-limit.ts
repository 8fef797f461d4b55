import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** Tools ask for the whole schema with about 120 fields, fragments spread out. */
export const maxIntrospectionFields = 400;

/**
 * Validation rule: introspection costs nothing elsewhere, and its answer grows with every alias, so that a short
 * document could ask for megabytes. Fields below `__schema` and `__type` count wherever a fragment brings them in.
 */
export function limitIntrospection(context: ValidationContext): ASTVisitor {
  const sizes = new Map<FragmentDefinitionNode, number>();
  const sizeOfFragment = (name: string): number => {
    const fragment = context.getFragment(name);
    if (!fragment) return 0;
    const known = sizes.get(fragment);
    if (known !== undefined) return known;
    // A fragment that spreads itself is refused by another rule.
    sizes.set(fragment, 0);
    const size = sizeOf(fragment.selectionSet);
    sizes.set(fragment, size);
    return size;
  };
  const sizeOf = ({ selections }: SelectionSetNode): number =>
    selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return sum + sizeOfFragment(selection.name.value);
      const own = selection.kind === Kind.FIELD ? 1 : 0;
      return sum + own + (selection.selectionSet ? sizeOf(selection.selectionSet) : 0);
    }, 0);

  let total = 0;
  return {
    Field(node) {
      if (node.name.value !== '__schema' && node.name.value !== '__type') return;
      const before = total;
      total += 1 + (node.selectionSet ? sizeOf(node.selectionSet) : 0);
      if (before > maxIntrospectionFields || total <= maxIntrospectionFields) return;
      const message = `The document asks the schema for more than ${maxIntrospectionFields} fields. Ask in several requests.`;
      context.reportError(new GraphQLError(message, { nodes: node }));
    },
  };
}
