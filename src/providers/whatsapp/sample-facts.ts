/** What the samples have in common: an account, a customer, and ids made from what the caller calls unique. */
import { createHash } from 'node:crypto';

export interface SampleChange {
  readonly field: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** `entry.time`; Meta sends it with account and template notices only. */
  readonly time?: number;
}

export interface SampleFacts {
  readonly wamid: string;
  readonly wacid: string;
  /** 15 decimal digits, as Meta's numeric ids have them. */
  readonly number: string;
  /** Unix seconds as text: the form of messages, statuses and calls. */
  readonly seconds: string;
  /** Unix seconds as a number: the form of `entry.time`. */
  readonly time: number;
}

export const BUSINESS_ACCOUNT = '102290129340398';
export const PHONE = { display_phone_number: '15550783881', phone_number_id: '106540352242922' };
export const CUSTOMER = {
  profile: { name: 'Élodie Martin' },
  wa_id: '16505551234',
  user_id: 'US.13491208655302741918',
};

export function sampleFacts(unique: string, now: Date): SampleFacts {
  const time = Math.floor(now.getTime() / 1000);
  const encoded = Buffer.from(unique).toString('base64');
  return {
    wamid: `wamid.HBgL${encoded}`,
    wacid: `wacid.HBgL${encoded}`,
    number: createHash('sha256').update(unique).digest().readUIntBE(0, 6).toString().padStart(15, '1'),
    seconds: String(time),
    time,
  };
}
