import type { Credentials } from '../../storage/credentials.ts';
import type { OperatorAccess } from '../../storage/registry.ts';

/** What the process that runs the tests is told. Holds secrets: it goes from process to process, never to a disk. */
export interface Plan {
  credentials: Credentials;
  allowedPrivateAddresses: readonly string[];
  operator: OperatorAccess;
  containers: readonly [string, string];
  /** Everything that the tests write is below it. */
  root: string;
  manyKeys: number;
  /** A file that gets a line of JSON, an UploadSession, for each upload in parts that begins. */
  uploadsFile: string;
  /** A file that gets the names of the groups of tests that are left out, a line each. */
  leftOutFile: string;
}

export interface Outcome {
  passed: number;
  failed: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    plan: Plan;
  }
}
