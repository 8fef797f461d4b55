import type { ManifestFacts } from '../../queue/manifest.ts';
import { manifestKeptDays, maxManifestPaths } from '../../queue/manifest.ts';
import { builder } from '../builder.ts';
import { encodeGlobalId } from '../global-id.ts';

export const PathManifest = builder.objectRef<ManifestFacts>('PathManifest').implement({
  description: `Up to ${maxManifestPaths.toLocaleString('en')} paths that its owner uploaded as what a transfer is about (\`POST /manifests\`). Dropped ${manifestKeptDays} days after its last use, unless a schedule names it.`,
  fields: (t) => ({
    id: t.id({
      description: 'Opaque id of the manifest.',
      resolve: ({ id }) => encodeGlobalId('PathManifest', id),
    }),
    pathCount: t.exposeInt('pathCount', { description: 'How many paths it names.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded.' }),
  }),
});
