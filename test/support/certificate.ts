/** A certificate of the suite's own, made with openssl. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True if certificates can be made; under `CI=true`, where nothing may be skipped, in any case. */
export const opensslAvailable = spawnSync('openssl', ['version']).status === 0 || process.env['CI'] === 'true';

/** PEM, signed by itself, for an address such as `127.0.0.1` and no name. */
export function makeCertificate(address: string): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const made = spawnSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=receiver'].concat([
        '-addext',
        `subjectAltName=IP:${address}`,
        '-keyout',
        key,
        '-out',
        cert,
      ]),
      { encoding: 'utf8' },
    );
    if (made.status !== 0) throw new Error(made.stderr);
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
