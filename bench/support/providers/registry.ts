import { azure } from './azure.ts';
import { s3 } from './s3.ts';

/** Every provider that is benched. */
export const benchedProviders = { s3, azure };

export type ProviderName = keyof typeof benchedProviders;
