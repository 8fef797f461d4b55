import { createAddressPolicy } from '../../storage/address-policy.ts';
import { bufferedBody } from '../../storage/digest.ts';
import { azureCapabilities } from '../../storage/providers/azure/capabilities.ts';
import { openProvider } from '../../storage/registry.ts';
import type { Cloud, CloudScene } from './clouds.ts';

/** Clouds by how they keep folders: `lake` is Azure with a hierarchical namespace, as far as Azurite can stand for one. */
export type PlaceName = 's3' | 'azure' | 'gcs' | 'dropbox' | 'lake';

export interface Place extends Cloud {
  /** Makes a folder that is no object where the cloud has such. */
  makeFolder(key: string): Promise<void>;
}

const signal = AbortSignal.timeout(3_600_000);

export async function startPlaces({ engine, clouds }: CloudScene): Promise<Record<PlaceName, Place>> {
  const { credentials } = clouds.azure;
  const accountId = await engine.connect(credentials);
  const capabilities = azureCapabilities('key', true);
  // Azurite tells of none.
  await engine.db.cloudAccount.update({
    where: { id: accountId },
    data: { capabilities: { ...(capabilities as object) } },
  });
  const addressPolicy = createAddressPolicy(['127.0.0.0/8']);
  const lake = {
    ...clouds.azure,
    accountId,
    provider: openProvider(credentials, { addressPolicy, capabilities }),
  };
  const byProvider = (cloud: Cloud): Place => ({
    ...cloud,
    makeFolder: (key) => cloud.provider.createFolder({ container: cloud.container, key }, signal),
  });
  return {
    s3: byProvider(clouds.s3),
    gcs: byProvider(clouds.gcs),
    dropbox: byProvider(clouds.dropbox),
    lake: byProvider(lake),
    // As Hadoop's tools mark one.
    azure: {
      ...clouds.azure,
      async makeFolder(key) {
        const place = { container: clouds.azure.container, key: key.slice(0, -1) };
        const metadata = { user: { hdi_isfolder: 'true' } };
        await clouds.azure.provider.write({ ...place, body: bufferedBody([], ['md5']), metadata }, signal);
      },
    },
  };
}

/** Folders that a cloud itself has, whether they are objects or not, by name. */
export async function foldersOf({ provider, container }: Cloud, prefix: string): Promise<string[]> {
  const { items, nextCursor } = await provider.list({ container, prefix, folders: true }, signal);
  if (nextCursor !== null) throw new Error('There are more entries than a page holds.');
  return items.flatMap(({ key }) => (key.endsWith('/') ? [key.slice(prefix.length)] : [])).sort();
}
