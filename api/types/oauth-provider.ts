import { builder } from '../builder.ts';

export const OAuthProvider = builder.enumType('OAuthProvider', {
  description: 'A cloud whose accounts people open by signing in there.',
  values: {
    DROPBOX: { description: 'Dropbox, a personal account or that of a team member.' },
    GCS: { description: 'Google Cloud Storage, by a Google account.' },
  } as const,
});
