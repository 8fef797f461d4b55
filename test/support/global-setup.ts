import type { TestProject } from 'vitest/node';
import { startServers, temporaryDirectory } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser's connection string of the migrated template database. */
    templateDatabaseUrl: string;
    /** Redis with many logical databases. */
    redisUrl: string;
  }
}

/** One Postgres and one Redis for the whole run; each test file takes databases of its own from them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await temporaryDirectory();
  try {
    const servers = await startServers(directory.path);
    project.provide('templateDatabaseUrl', servers.templateDatabaseUrl);
    project.provide('redisUrl', servers.redisUrl);
    return async () => {
      await servers.stop();
      await directory.remove();
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}
