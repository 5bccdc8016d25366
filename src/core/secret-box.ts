/**
 * Secrets at rest: AES-256-GCM under a key that is not in the database. A token is
 * `v1.<key id>.<iv>.<tag and ciphertext>`, the last two in base64url. It opens only in the place that it was sealed for, so
 * that whoever can write the table cannot have one destination's secret sent to another.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const TOKEN = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/;

/** Where a secret stands. Authenticated with it. */
export interface SecretPlace {
  /** UUID of the destination. */
  readonly destinationId: string;
  /** `secrets` (whatever its position), or for a secret header the result of `secretHeaderField`. */
  readonly field: string;
}

/** The field of a secret header. Names of headers are compared in lower case. */
export function secretHeaderField(name: string): string {
  return `secret_headers.${name.toLowerCase()}`;
}

/** The field of the signing secrets. */
export const SECRETS_FIELD = 'secrets';

export interface SecretBox {
  /** False without any key: then nothing can be sealed or opened. */
  readonly hasKeys: boolean;
  /** @throws SecretBoxError if there is no key */
  seal(secret: string, place: SecretPlace): string;
  /** @throws SecretBoxError if no key fits, or the token was altered or sealed for another place */
  open(token: string, place: SecretPlace): string;
  /** True if the first key sealed it: nothing is to be rotated. */
  isCurrent(token: string): boolean;
}

/** Says what to do; holds nothing of the secret. */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
}

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

/** A key as `ENCRYPTION_KEYS` has it: 32 bytes in base64. */
export function isEncryptionKey(text: string): boolean {
  return Buffer.from(text, 'base64').length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(text);
}

export function newEncryptionKey(): string {
  return randomBytes(32).toString('base64');
}

/** @param encryptionKeys the first seals, all open; none: whoever needs one gets an error that says what to set */
export function createSecretBox(encryptionKeys: readonly string[]): SecretBox {
  const keys = encryptionKeys.map(readKey);
  const [first] = keys;
  return {
    hasKeys: first !== undefined,
    seal(secret, place) {
      if (first === undefined) throw new SecretBoxError(NO_KEYS);
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', first.bytes, iv).setAAD(placeBytes(place));
      const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      const rest = Buffer.concat([cipher.getAuthTag(), sealed]).toString('base64url');
      return `v1.${first.id}.${iv.toString('base64url')}.${rest}`;
    },
    open(token, place) {
      const [, id, iv = '', rest = ''] = TOKEN.exec(token) ?? [];
      if (id === undefined) throw new SecretBoxError('it is not of the form v1.<key id>.<iv>.<ciphertext>');
      const key = keys.find((candidate) => candidate.id === id);
      if (key === undefined) throw new SecretBoxError(first === undefined ? NO_KEYS : unknownKey(id));
      const bytes = Buffer.from(rest, 'base64url');
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, Buffer.from(iv, 'base64url'), options)
        .setAAD(placeBytes(place))
        .setAuthTag(bytes.subarray(0, TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(TAG_BYTES)), decipher.final()]).toString('utf8');
      } catch {
        throw new SecretBoxError('it has been altered, or was written for another destination or field');
      }
    },
    isCurrent: (token) => first !== undefined && TOKEN.exec(token)?.[1] === first.id,
  };
}

/** A box whose keys are known only later: `open` is called at its first use. */
export function lazySecretBox(open: () => SecretBox): SecretBox {
  let box: SecretBox | undefined;
  const opened = () => {
    box ??= open();
    return box;
  };
  return {
    get hasKeys() {
      return opened().hasKeys;
    },
    seal: (secret, place) => opened().seal(secret, place),
    open: (token, place) => opened().open(token, place),
    isCurrent: (token) => opened().isCurrent(token),
  };
}

const NO_KEYS =
  'ENCRYPTION_KEYS is not set: set it to 32 random bytes in base64 (openssl rand -base64 32), the same in every process';

const unknownKey = (id: string) =>
  `ENCRYPTION_KEYS does not hold the key ${id}, with which it was encrypted: add that key again`;

/** The id tells keys apart and nothing of the key: eight digits of its hash. */
function readKey(text: string): Key {
  if (!isEncryptionKey(text)) throw new SecretBoxError('a key of ENCRYPTION_KEYS is not 32 bytes in base64');
  const bytes = Buffer.from(text, 'base64');
  return { id: hash('sha256', bytes).slice(0, 8), bytes };
}

function placeBytes({ destinationId, field }: SecretPlace): Buffer {
  return Buffer.from(`${destinationId.toLowerCase()}/${field}`);
}
