/** What a text is when it is taken for the key of a service account. */
export type KeyReading = { email: string; problem: null } | { email: null; problem: string };

const wrong = (problem: string): KeyReading => ({ email: null, problem });

/** Reads whose key it is, or says what to give instead. Nothing of the key is repeated. */
export function readServiceAccountKey(text: string): KeyReading {
  if (text.trim() === '') return wrong('Drop the key file here, or paste its text.');
  let key: unknown;
  try {
    key = JSON.parse(text);
  } catch {
    return wrong('This is not the JSON key file as Google hands it out. Take the whole text, from { to }.');
  }
  const { type, client_email: email, private_key: secret } = (key ?? {}) as Record<string, unknown>;
  if (type !== 'service_account' || typeof email !== 'string' || typeof secret !== 'string') {
    return wrong('This file is another one than the key of a service account. Make one: IAM, Service accounts, Keys.');
  }
  return { email, problem: null };
}
