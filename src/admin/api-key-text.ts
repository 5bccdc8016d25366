/** What a key looks like: a prefix by which scanners of source code know it, and 40 random characters (238 bits). */
import { hash, randomInt } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 40;
/** Of the text: enough to tell keys apart, and too little to guess the rest. */
const SHOWN = 'whg_'.length + 6;

export interface KeyText {
  /** The key itself, to be shown once. */
  readonly text: string;
  readonly prefix: string;
  readonly sha256: Buffer;
}

export function createKeyText(): KeyText {
  const random = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const text = `whg_${random}`;
  return { text, prefix: text.slice(0, SHOWN), sha256: hash('sha256', text, 'buffer') };
}
