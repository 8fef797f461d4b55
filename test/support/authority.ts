import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll } from 'vitest';
import { makeAuthority } from '../../emulators/authority.ts';

/**
 * Makes an authority that this process trusts until the tests of the file have ended, and those that it starts with its
 * environment. Returns what servers on 127.0.0.1 show, in PEM, and the authority's file for NODE_EXTRA_CA_CERTS.
 */
export async function trustOwnAuthority() {
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-authority-'));
  const { authority, certificate, key } = await makeAuthority(directory);
  const before = { trusted: getCACertificates('default'), file: process.env.NODE_EXTRA_CA_CERTS };
  const read = (file: string) => readFileSync(file, 'utf8');
  setDefaultCACertificates([...before.trusted, read(authority)]);
  process.env.NODE_EXTRA_CA_CERTS = authority;
  afterAll(async () => {
    setDefaultCACertificates(before.trusted);
    if (before.file === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
    else process.env.NODE_EXTRA_CA_CERTS = before.file;
    await rm(directory, { recursive: true });
  });
  return { tls: { certificate: read(certificate), key: read(key) }, authority };
}
