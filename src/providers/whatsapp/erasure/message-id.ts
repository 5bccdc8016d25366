/** A message id (`wamid.…`) is base64 of a few bytes, among them the phone number of the user. */
import { usableText } from '../../../core/identity.ts';

const PREFIX = /^wa(?:mid|cid)\./;
/** Bytes before the number: what they are, and its length. */
const HEAD = Buffer.from([0x1c, 0x18]);

/** The number in a message id; null if it is of another make. */
export function phoneOfMessageId(id: unknown): string | null {
  const text = usableText(id);
  if (text === undefined || !PREFIX.test(text)) return null;
  const bytes = Buffer.from(text.replace(PREFIX, '').slice(0, 64), 'base64');
  const length = bytes[HEAD.length] ?? 0;
  if (!bytes.subarray(0, HEAD.length).equals(HEAD)) return null;
  const phone = bytes.toString('latin1', HEAD.length + 1, HEAD.length + 1 + length);
  return /^\d{5,20}$/.test(phone) && phone.length === length ? phone : null;
}

/** A text that stands in each message id with this number; null for what is no number. */
export function textOfMessageIds(phone: string): string | null {
  if (!/^\d{5,20}$/.test(phone)) return null;
  const bytes = Buffer.concat([HEAD, Buffer.from([phone.length]), Buffer.from(phone)]);
  // The last digits share a letter with what follows them.
  return `.${bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64')}`;
}
