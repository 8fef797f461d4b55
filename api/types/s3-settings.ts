import type { S3Settings as Settings } from '../accounts/same-store.ts';
import { builder } from '../builder.ts';
import { S3Addressing, S3Encryption } from './credentials.ts';

export const S3Settings = builder.objectRef<Settings>('S3Settings').implement({
  description:
    'How an account uses S3 or a compatible store. Replaced together with its credentials, so whoever replaces those repeats what is to stay.',
  fields: (t) => ({
    addressing: t.expose('addressing', { type: S3Addressing, description: 'How buckets are named in addresses.' }),
    storageClass: t.exposeString('storageClass', {
      nullable: true,
      description: 'Storage class of the objects that are written. null: `STANDARD`.',
    }),
    serverSideEncryption: t.expose('serverSideEncryption', {
      type: S3Encryption,
      nullable: true,
      description: 'Encryption of the objects that are written. null: as the bucket is set.',
    }),
    kmsKeyId: t.exposeString('kmsKeyId', {
      nullable: true,
      description: 'Id, ARN or alias of the key for `KMS_KEY`. null: the default key of the AWS account, or none.',
    }),
    requesterPays: t.boolean({
      description: 'Whether this account pays for its requests to buckets whose requester pays.',
      resolve: ({ requesterPays }) => requesterPays === true,
    }),
    useMachineIdentity: t.boolean({
      description: 'Whether it is opened with the identity of the machine that Skyferry runs on.',
      resolve: ({ useMachineIdentity }) => useMachineIdentity === true,
    }),
  }),
});
