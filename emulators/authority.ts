import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A certificate for 127.0.0.1, its key, and the authority that it is from: PEM, in files. */
export interface ServerCertificate {
  authority: string;
  certificate: string;
  key: string;
}

/** Makes a certificate authority and a certificate for 127.0.0.1 from it, in the directory, with keys as clouds have (P-256). */
export async function makeAuthority(directory: string): Promise<ServerCertificate> {
  const kind = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  const ca = await generate([{ name: 'commonName', value: 'Skyferry local clouds' }], {
    ...kind,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    ...kind,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const write = async (name: string, content: string) => {
    const file = join(directory, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  return {
    authority: await write('authority.pem', ca.cert),
    certificate: await write('server.pem', server.cert),
    key: await write('server-key.pem', server.private),
  };
}
