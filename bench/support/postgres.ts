import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDatabase, startPostgres } from '../../scripts/local/postgres.ts';
import { preparePostgres } from '../../scripts/local/postgres-home.ts';
import { migrate } from '../../scripts/migrate.ts';

/** A Postgres of the bench's own as `npm start` runs it, with the product's tables. */
export async function startBenchPostgres(
  logDirectory: string,
): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const home = await preparePostgres(process.env.DATA_DIRECTORY || '.data');
  // Beside the binaries, because the user of Postgres reaches no folder below a private home.
  const directory = join(home.directory, `bench-${process.pid}`);
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const server = await startPostgres({
      home,
      dataDirectory: directory,
      logFile: join(logDirectory, 'postgres.log'),
      password: randomBytes(16).toString('hex'),
    });
    const url = server.url('skyferry');
    await ensureDatabase(server, 'skyferry');
    await migrate(url);
    return {
      url,
      pid: server.process.pid,
      async stop() {
        await server.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
