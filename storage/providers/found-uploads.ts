import type { FindUploadsRequest, UploadSession } from '../provider.ts';
import { blocks, element, listedDate, requireWhole, unescapeXml } from './xml.ts';

/** Clouds give the time of an answer, and some that of an upload's beginning, in whole seconds. */
const roundingMs = 1_000;

/**
 * The uploads of a ListMultipartUploadsResult that are asked for. The page is the first one below the key as prefix, and the
 * key itself comes first there.
 *
 * @param now When the cloud answered, by its own clock: its `Date` header.
 */
export function uploadsIn(
  document: string,
  request: FindUploadsRequest,
  now: string | undefined,
  decodeKey: (key: string) => string,
): UploadSession[] {
  requireWhole(document, 'ListMultipartUploadsResult');
  const { container, key, oldestMs, newestMs } = request;
  const answeredAt = listedDate(now, new Date()).getTime();
  const found: UploadSession[] = [];
  for (const block of blocks(document, 'Upload')) {
    const ageMs = answeredAt - listedDate(element(block, 'Initiated'), new Date(0)).getTime();
    if (decodeKey(unescapeXml(element(block, 'Key') ?? '')) !== key) continue;
    if (ageMs > oldestMs + roundingMs || ageMs < newestMs - roundingMs) continue;
    const id = unescapeXml(element(block, 'UploadId') ?? '');
    if (id !== '') found.push({ container, key, id, sizeBytes: 0, metadata: { user: {} } });
  }
  return found;
}
