import type { TransferOptions } from '../../queue/transfer-options.ts';
import type { ObjectMetadata } from '../../storage/provider.ts';

/** What of an object's metadata travels to the destination, as the order chose. */
export function keptMetadata(metadata: ObjectMetadata, { keep }: TransferOptions): ObjectMetadata {
  const { user, modifiedAt, ...contentHeaders } = metadata;
  return {
    ...(keep.contentType ? contentHeaders : {}),
    ...(keep.modifiedAt && modifiedAt !== undefined ? { modifiedAt } : {}),
    user: keep.userMetadata ? user : {},
  };
}

/** Whether some of it stays behind. */
export function isPartlyKept(metadata: ObjectMetadata, { keep }: TransferOptions): boolean {
  const { user, modifiedAt, ...contentHeaders } = metadata;
  return (
    (!keep.contentType && Object.keys(contentHeaders).length > 0) ||
    (!keep.userMetadata && Object.keys(user).length > 0) ||
    (!keep.modifiedAt && modifiedAt !== undefined)
  );
}
