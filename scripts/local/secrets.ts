import { randomBytes } from 'node:crypto';
import { demoKeyPrefix } from '../../core/config.ts';
import { stateFile } from './state.ts';

/** What `npm start` makes up for itself, once, and keeps in the data folder. */
export interface LocalSecrets {
  postgresPassword: string;
  redisPassword: string;
  keyEncryptionKey: string;
  authSecret: string;
  s3AccessKeyId: string;
  s3SecretAccessKey: string;
  /** Base64, as Azure's account keys are. */
  azureAccountKey: string;
  demoPassword: string;
}

/** The data folder's secrets; those that are missing are made and kept, in a file of mode 0600. */
export function localSecrets(dataDirectory: string): LocalSecrets {
  const file = stateFile<LocalSecrets>(dataDirectory, 'secrets.json');
  const kept = file.read();
  const secrets: LocalSecrets = {
    postgresPassword: randomBytes(24).toString('hex'),
    redisPassword: randomBytes(24).toString('hex'),
    keyEncryptionKey: `${demoKeyPrefix}-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}`,
    authSecret: randomBytes(32).toString('base64url'),
    s3AccessKeyId: `DEMO${randomBytes(8).toString('hex').toUpperCase()}`,
    s3SecretAccessKey: randomBytes(30).toString('base64url'),
    azureAccountKey: randomBytes(64).toString('base64'),
    demoPassword: randomBytes(12).toString('base64url'),
    ...kept,
  };
  if (Object.keys(secrets).some((name) => !(name in kept))) file.update(secrets);
  return secrets;
}

/** The key that `npm start` made for itself, if any, opens what it has sealed after another was given in its place too. */
export function withOwnKey(oldKeys: readonly string[], current: string, own: string | undefined): string[] {
  return [...oldKeys, ...(own === undefined || own === current ? [] : [own])];
}
