export const nilId = '00000000-0000-0000-0000-000000000000';

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** What an id of each type looks like inside. */
const idForms = {
  User: new RegExp(`^${uuid}$`),
  CloudAccount: new RegExp(`^${uuid}$`),
  Transfer: new RegExp(`^${uuid}$`),
  TransferSchedule: new RegExp(`^${uuid}$`),
  PathManifest: new RegExp(`^${uuid}$`),
  /** Transfer and ordinal, of nine digits at most: a 32-bit number. */
  TransferItem: new RegExp(`^${uuid}:(0|[1-9]\\d{0,8})$`),
} as const;

export type NodeTypeName = keyof typeof idForms;

export interface GlobalId {
  typename: string;
  id: string;
}

/** A well-formed id that nothing has: ids that cannot be one are treated like those of something unknown. */
const nothing: GlobalId = { typename: 'User', id: nilId };

export function encodeGlobalId(typename: string, id: string): string {
  return Buffer.from(`${typename}:${id}`).toString('base64url');
}

/** Never throws: an id that cannot be one is like the id of something unknown. */
export function decodeGlobalId(globalId: string): GlobalId {
  const text = Buffer.from(globalId, 'base64url').toString('utf8');
  const colon = text.indexOf(':');
  const typename = text.slice(0, Math.max(0, colon));
  const id = text.slice(colon + 1);
  if (!Object.hasOwn(idForms, typename) || !idForms[typename as NodeTypeName].test(id)) return nothing;
  if (encodeGlobalId(typename, id) !== globalId) return nothing;
  return { typename, id };
}

/** The row's id when the global id is one of that type, else null. */
export function idOfType(typename: NodeTypeName, globalId: string): string | null {
  const decoded = decodeGlobalId(globalId);
  return decoded.typename === typename ? decoded.id : null;
}
