import { generateKeyPairSync } from 'node:crypto';

/** The JSON key of a service account, as the console hands it out. */
export interface ServiceAccountKey {
  type: 'service_account';
  project_id: string;
  private_key_id: string;
  /** PKCS #8 in PEM. */
  private_key: string;
  client_email: string;
  client_id: string;
  auth_uri: string;
  token_uri: string;
}

export interface NewServiceAccount {
  key: ServiceAccountKey;
  /** What the service keeps: SPKI in PEM. */
  publicKey: string;
}

export function createServiceAccount(options: {
  clientEmail: string;
  projectId: string;
  tokenUri: string;
}): NewServiceAccount {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    publicKey,
    key: {
      type: 'service_account',
      project_id: options.projectId,
      private_key_id: crypto.randomUUID().replaceAll('-', ''),
      private_key: privateKey,
      client_email: options.clientEmail,
      client_id: '100000000000000000000',
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: options.tokenUri,
    },
  };
}
