import { azure } from './azure.ts';
import { dropbox } from './dropbox.ts';
import { gcs } from './gcs.ts';
import { s3 } from './s3.ts';

/** Every provider that is benched. */
export const benchedProviders = { s3, azure, gcs, dropbox };

export type ProviderName = keyof typeof benchedProviders;
