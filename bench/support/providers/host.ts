import type { BenchClient, BenchedProvider } from './client.ts';
import { benchedProviders, type ProviderName } from './registry.ts';
import { type Order, perform } from './tasks.ts';

/**
 * A process of the bench `providers`, which its parent forks: `host.ts PROVIDER server`, or `host.ts PROVIDER CONTENDER
 * SERVED`, where SERVED is what the server told. It says when it is ready, and then answers each order.
 */
const [name = '', role = '', served = '{}'] = process.argv.slice(2);
const provider = benchedProviders[name as ProviderName] as unknown as BenchedProvider<object>;
const tell = (message: object) => process.send?.(message);

if (role === 'server') {
  tell({ ready: true, served: JSON.stringify(await provider.start()) });
} else {
  const client: BenchClient = await provider[role as 'adapter' | 'sdk' | 'undici'](JSON.parse(served));
  process.on('message', async (order: Order) => {
    try {
      const begin = performance.now();
      const before = process.cpuUsage();
      await perform(client, order);
      const { user, system } = process.cpuUsage(before);
      tell({ wallMs: performance.now() - begin, cpuMs: (user + system) / 1_000 });
    } catch (error) {
      tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  tell({ ready: true });
}
process.once('disconnect', () => process.exit(0));
