import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../../core/errors.ts';
import { type Endpoint, parseEndpoint } from '../endpoint.ts';

/** The parts of a service account's JSON key that are used. */
const keySchema = z.object({
  type: z.literal('service_account'),
  project_id: z.string().min(1).optional(),
  private_key_id: z.string().min(1).optional(),
  private_key: z.string().min(1),
  client_email: z.string().regex(/^[\x21-\x7e]+@[\x21-\x7e]+$/),
  token_uri: z.string().min(1),
});

export interface ServiceAccount {
  email: string;
  keyId: string | undefined;
  projectId: string | undefined;
  privateKey: KeyObject;
  /** Where assertions are exchanged for tokens. Comes with the key, so it is as hostile as any endpoint of a user. */
  tokenUri: string;
  tokenEndpoint: Endpoint;
}

/** Throws CREDENTIALS_INVALID for what is no JSON key of a service account; the message holds nothing of it. */
export function parseServiceAccount(json: string): ServiceAccount {
  const refuse = (what: string) =>
    new AppError('CREDENTIALS_INVALID', `This is no JSON key of a service account: ${what}. Paste the whole file.`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw refuse('it is not JSON');
  }
  const parsed = keySchema.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? '';
    throw refuse(field === '' ? 'it is not an object' : `${field} is missing or wrong`);
  }
  const key = parsed.data;
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key.private_key);
  } catch {
    // What OpenSSL says is of no use to anybody, and might quote the key.
    throw refuse('private_key is not a key in PEM');
  }
  if (privateKey.asymmetricKeyType !== 'rsa') throw refuse('private_key is no RSA key');
  return {
    email: key.client_email,
    keyId: key.private_key_id,
    projectId: key.project_id,
    privateKey,
    tokenUri: key.token_uri,
    tokenEndpoint: tokenEndpoint(key.token_uri),
  };
}

function tokenEndpoint(uri: string): Endpoint {
  const endpoint = parseEndpoint(uri);
  return { ...endpoint, basePath: endpoint.basePath === '' ? '/' : endpoint.basePath };
}
