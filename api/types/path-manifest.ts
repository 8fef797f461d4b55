import { manifestFacts, manifestKeptDays, maxManifestPaths } from '../../queue/manifest.ts';
import { builder } from '../builder.ts';
import { nilId } from '../global-id.ts';

export const PathManifest = builder.prismaNode('PathManifest', {
  description: `Up to ${maxManifestPaths.toLocaleString('en')} paths that its owner uploaded as what a transfer is about (\`POST /manifests\`). Dropped ${manifestKeptDays} days after its last use, unless a schedule or a transfer that is still to be planned names it.`,
  // Without the paths, which may be many.
  ...manifestFacts,
  id: { field: 'id', description: 'Opaque id of the manifest.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id, userId: viewer?.id ?? nilId }),
  authScopes: (manifest) => ({ owner: manifest.userId }),
  fields: (t) => ({
    pathCount: t.exposeInt('pathCount', { description: 'How many paths it names.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded.' }),
  }),
});
