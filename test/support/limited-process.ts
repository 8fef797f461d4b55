import { once } from 'node:events';
import { createBlockingRedis, createRedis } from '../../core/redis.ts';
import { publishRefusal } from '../../queue/account.ts';
import { refusalSchema, topics } from '../../queue/events.ts';
import { createSubscriber } from '../../queue/pubsub.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { openProvider } from '../../storage/registry.ts';
import { Gate } from '../../worker/transfer/gate.ts';
import { createSharedLimit } from '../../worker/transfer/shared-limit.ts';

/**
 * One of several processes that use an account at the same time, with what a worker process has between it and the cloud:
 * it asks for the facts of an object, eight at a time, as often as it is let, until it is killed. Tells its parent `ready`;
 * and `quiet` once it has heard of a refusal, its own or that of another process, and nothing of it is under way any more.
 */
const [limitKey = '', redisUrl = '', endpoint = '', key = ''] = process.argv.slice(2);
const atATime = 8;
const never = new AbortController().signal;

const redis = createRedis(redisUrl);
await once(redis, 'ready');
const gate = new Gate({
  limitKey,
  limit: createSharedLimit(redis),
  tell: (refusal) => void publishRefusal(redis, refusal),
});
const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const provider = openProvider(
  { provider: 's3', endpoint, region: 'us-east-1', addressing: 'path', ...keys },
  { addressPolicy: createAddressPolicy(['127.0.0.1']) },
);

let underWay = 0;
let isHeard = false;
const tellWhenQuiet = () => {
  if (!isHeard || underWay > 0) return;
  isHeard = false;
  process.send?.('quiet');
};
const subscriber = createSubscriber(createBlockingRedis(redisUrl), (_topic, error) => {
  throw error;
});
await subscriber.subscribe(topics.refusals, refusalSchema, (refusal) => {
  gate.heard(refusal);
  isHeard = true;
  tellWhenQuiet();
});
process.send?.('ready');
await once(process, 'message');

async function use(): Promise<never> {
  for (;;) {
    await gate.pass(never);
    underWay += 1;
    // A refusal is what the gate has seen.
    await gate.watch(provider.stat({ container: 'bucket', key }, never)).catch(() => {});
    underWay -= 1;
    tellWhenQuiet();
  }
}
await Promise.all(Array.from({ length: atATime }, use));
