/** The log of every daemon of the run, searched for what must never be in a log. The last file of the suite. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fresh, MARK, markedUnique, SECRETS, VERIFY_TOKEN } from '../support/webhooks.ts';
import { runDirectory } from './report.ts';

/** As `sampleFacts` writes the beginning of every marked id into a WhatsApp body: the last digits depend on what follows. */
const MARK_IN_WAMID = Buffer.from(MARK).toString('base64').slice(0, 12);

const NEVER: Readonly<Record<string, RegExp>> = {
  'a secret': new RegExp(`${SECRETS.stripe}|${SECRETS.whatsapp}|${VERIFY_TOKEN}`),
  'the password of PostgreSQL': /postgres(ql)?:\/\/[^\s"/]*:[^\s"/*]+@/,
  'a signature': /\bv1=[0-9a-f]{8}|sha256=[0-9a-f]{8}/i,
  'an id of a body': new RegExp(`${MARK}|${MARK_IN_WAMID}|evt_|wamid\\.`),
  'a fragment of a body': /payment_intent|messaging_product|phone_number_id|livemode|Élodie|\\u00c9lodie/,
};

const directory = join(runDirectory(), 'logs');
const files = readdirSync(directory).map((name) => ({ name, text: readFileSync(join(directory, name), 'utf8') }));

test('the logs are there, and the search would find something', () => {
  const text = files.map((file) => file.text).join('');
  expect(text).toContain('webhook accepted');
  const webhooks = [fresh('stripe', undefined, markedUnique()), fresh('whatsapp', undefined, markedUnique())];
  for (const { body, headers } of webhooks) {
    expect(body.toString()).toMatch(NEVER['an id of a body'] ?? '');
    expect(body.toString()).toMatch(NEVER['a fragment of a body'] ?? '');
    expect(JSON.stringify(headers)).toMatch(NEVER['a signature'] ?? '');
  }
});

test.each(Object.entries(NEVER))('%s is in none of them', (_what, pattern) => {
  const found = files.flatMap(({ name, text }) =>
    text
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${name}: ${line}`),
  );
  expect(found.slice(0, 5)).toEqual([]);
});
