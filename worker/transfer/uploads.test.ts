import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { createLogger } from '../../core/log.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { openProvider } from '../../storage/registry.ts';
import { startCrossing } from '../../test/support/engine.ts';
import { AbandonedUploads, nextBeginMs, sweepUploads } from './uploads.ts';

test('an upload whose request was carried out only after its connection was gone is dropped, and not the one after', async () => {
  const crossing = await startCrossing({ workers: 0 });
  const { engine, to, accounts } = crossing;
  const { db } = engine;
  const provider = openProvider(to.credentials, { addressPolicy: createAddressPolicy(['127.0.0.1']) });
  const log = createLogger('test', 'silent');
  const release = () => {};
  const sweep = () => sweepUploads({ db, log, accounts: { use: async () => ({ provider, release }) } });
  const location = { container: 'target', key: 'large' };
  const begin = async () => {
    const command = new CreateMultipartUploadCommand({ Bucket: location.container, Key: location.key });
    return (await to.client.send(command)).UploadId;
  };
  const left = async () => {
    const { Uploads = [] } = await to.client.send(new ListMultipartUploadsCommand({ Bucket: location.container }));
    return Uploads.map(({ UploadId }) => UploadId);
  };
  /** As though the row were from so long ago, and its time had come. */
  const age = (ms: number) => db.$executeRaw`
    UPDATE abandoned_upload SET created_at = now() - make_interval(secs => ${ms / 1_000}), next_try_at = now()`;
  try {
    const abandoned = new AbandonedUploads(
      { db, log, stopping: new AbortController().signal },
      accounts.destinationAccountId,
      () => provider,
    );
    await abandoned.lost(location, 0);
    await sweep();
    await begin();
    await age(1_400);
    await sweep();
    expect(await left()).toEqual([]);
    expect(await db.abandonedUpload.count()).toBe(0);

    await abandoned.lost(location, 0);
    const next = await begin();
    await age(nextBeginMs);
    await sweep();
    expect(await left()).toEqual([next]);
  } finally {
    await provider.close();
    await crossing.stop();
  }
});
