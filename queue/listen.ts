import pg from 'pg';

const reconnectMs = 1_000;

/**
 * Calls `onNotify` for each NOTIFY on a channel, and after each (re)connection, because notifications of the meantime
 * are lost. Reconnects until it is stopped.
 *
 * @param url Postgres without a pooler in between: LISTEN belongs to a session.
 */
export function listen(url: string, channel: string, onNotify: () => void): { stop(): Promise<void> } {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const connect = async () => {
    const fresh = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, keepAlive: true });
    client = fresh;
    const retry = () => {
      if (stopped || client !== fresh) return;
      client = undefined;
      void fresh.end().catch(() => {});
      timer = setTimeout(connect, reconnectMs);
    };
    fresh.on('error', retry);
    fresh.on('end', retry);
    fresh.on('notification', onNotify);
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      onNotify();
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
