import pg from 'pg';

const retryMs = 1_000;
/** A machine that vanished without a word must not keep the others waiting: its session ends after some 25 s of silence. */
const sessionOptions = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/**
 * Calls `onNotify` for each NOTIFY on a channel, in one of all the processes that ask for it, and when it becomes that
 * one, because notifications of the meantime are lost. Were all woken, each commit would cost as many looks at the same
 * rows as there are processes. When its session ends another takes over within a second; until then, and while it stands
 * still, nobody hears anything, so all of them must poll besides. Reconnects until it is stopped.
 *
 * @param url Postgres without a pooler in between: LISTEN and the lock belong to a session.
 */
export function listenAlone(url: string, channel: string, onNotify: () => void): { stop(): Promise<void> } {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const connect = async () => {
    const fresh = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      options: sessionOptions,
    });
    client = fresh;
    const retry = () => {
      if (stopped || client !== fresh) return;
      client = undefined;
      void fresh.end().catch(() => {});
      timer = setTimeout(connect, retryMs);
    };
    const takeOver = async () => {
      const { rows } = await fresh.query<{ mine: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine',
        [channel],
      );
      if (rows[0]?.mine) {
        await fresh.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
        onNotify();
      } else if (!stopped) {
        timer = setTimeout(() => void takeOver().catch(retry), retryMs);
      }
    };
    fresh.on('error', retry);
    fresh.on('end', retry);
    fresh.on('notification', onNotify);
    try {
      await fresh.connect();
      await takeOver();
    } catch {
      retry();
    }
  };
  void connect();

  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
