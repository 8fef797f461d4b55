import type { Capabilities } from '../capabilities.ts';
import type { StorageProvider, UploadSession } from '../provider.ts';

/**
 * A provider that sees nothing but what is below `root`, as if its keys began there. `onUpload` is told of each upload
 * before its caller is, by the session that the provider itself knows.
 */
export function rooted(
  provider: StorageProvider,
  root: string,
  onUpload: (session: UploadSession) => void,
): StorageProvider {
  // An empty key stays one, so that it is refused as such.
  const inside = <T extends { key: string }>(request: T): T =>
    request.key === '' ? request : { ...request, key: root + request.key };
  const outside = <T extends { key: string }>(found: T): T => ({ ...found, key: found.key.slice(root.length) });
  const within = <T extends { session: UploadSession }>(request: T): T => ({
    ...request,
    session: inside(request.session),
  });
  return {
    store: provider.store,
    requests: provider.requests,
    capabilities: rootedCapabilities(provider.capabilities),
    async check(signal) {
      const { identity, capabilities } = await provider.check(signal);
      return { identity, capabilities: rootedCapabilities(capabilities) };
    },
    revokeGrant: (signal) => provider.revokeGrant(signal),
    listContainers: (request, signal) => provider.listContainers(request, signal),
    async list(request, signal) {
      const { items, nextCursor } = await provider.list({ ...request, prefix: root + request.prefix }, signal);
      return { items: items.map(outside), nextCursor };
    },
    stat: (location, signal) => provider.stat(inside(location), signal),
    readTags: (request, signal) => provider.readTags(inside(request), signal),
    read: (request, signal) => provider.read(inside(request), signal),
    write: (request, signal) => provider.write(inside(request), signal),
    assertWritable: (location, signal) => provider.assertWritable(inside(location), signal),
    async beginUpload(request, signal) {
      const session = await provider.beginUpload(inside(request), signal);
      onUpload(session);
      return outside(session);
    },
    putPart: (request, signal) => provider.putPart(within(request), signal),
    listParts: (session, signal) => provider.listParts(inside(session), signal),
    completeUpload: (request, signal) => provider.completeUpload(within(request), signal),
    abortUpload: (session, signal) => provider.abortUpload(inside(session), signal),
    findUploads: async (request, signal) => (await provider.findUploads(inside(request), signal)).map(outside),
    offerCopy: (request, signal) => provider.offerCopy(inside(request), signal),
    copy: (request, signal) => provider.copy(inside(request), signal),
    ingest: (request, signal) => provider.ingest(inside(request), signal),
    presign: (request, signal) => provider.presign(inside(request), signal),
    createFolder: (location, signal) => provider.createFolder(inside(location), signal),
    quota: (signal) => provider.quota(signal),
    async deleteObjects({ container, keys, ifMatch }, signal) {
      const versions = ifMatch && new Map([...ifMatch].map(([key, version]) => [inside({ key }).key, version]));
      const request = { container, keys: keys.map((key) => inside({ key }).key), ifMatch: versions };
      const { failed } = await provider.deleteObjects(request, signal);
      return { failed: failed.map(outside) };
    },
    checkName,
    close: () => provider.close(),
  };

  function checkName(key: string): void {
    provider.checkName(inside({ key }).key);
  }

  /** The root counts in the longest key, unless its cloud counts each part of a path alone. */
  function rootedCapabilities(capabilities: Capabilities): Capabilities {
    const { maxKeyBytes } = capabilities;
    try {
      checkName('n'.repeat(maxKeyBytes));
      return capabilities;
    } catch {
      return { ...capabilities, maxKeyBytes: maxKeyBytes - Buffer.byteLength(root) };
    }
  }
}
