import { appendFileSync } from 'node:fs';
import { inject } from 'vitest';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import { remoteConformance } from '../../storage/conformance.ts';

const { credentials, allowedPrivateAddresses, operator, containers, root, manyKeys, ...files } = inject('plan');

remoteConformance({
  name: credentials.provider,
  containers,
  credentials: () => credentials,
  open: { addressPolicy: createAddressPolicy(allowedPrivateAddresses), operator },
  root,
  manyKeys,
  // At once: whoever removes what is left must know of it even if this process ends now.
  onUpload: (session) => appendFileSync(files.uploadsFile, `${JSON.stringify(session)}\n`),
  onLeftOut: (group) => appendFileSync(files.leftOutFile, `${group}\n`),
  patience: 10,
});
