/**
 * Whether Postgres refused a statement for what is in it (SQLSTATE class 22, data exception): U+0000, half a surrogate
 * pair, a number out of range. The same statement is refused for ever.
 */
export function isRefusedContent(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, originalCode, cause, meta } = error as Partial<Record<string, unknown>>;
  if ([code, originalCode].some((state) => typeof state === 'string' && /^22[0-9A-Z]{3}$/.test(state))) return true;
  const adapterError = (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  return isRefusedContent(cause, depth + 1) || isRefusedContent(adapterError, depth + 1);
}
