import { useRef } from 'react';

/** 128 random bits in hex. Not randomUUID, which browsers keep from pages served over plain http. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Gives the idempotency key for an attempt to create something: the same for the same arguments, so that a second try
 * after a lost answer creates nothing twice, and a new one for others.
 */
export function useIdempotencyKey(): (fields: unknown) => string {
  const last = useRef({ fields: '', key: '' });
  return (fields) => {
    const text = JSON.stringify(fields);
    if (last.current.fields !== text) last.current = { fields: text, key: randomKey() };
    return last.current.key;
  };
}
