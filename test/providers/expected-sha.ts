/** The hash of dedupe keys, computed in the plainest way: what the code under test must agree with. */
import { createHash } from 'node:crypto';

/** SHA-256 of the JSON with sorted keys and no spaces. */
export function expectedSha(value: unknown): string {
  return sha256(canonical(value));
}

export function sha256(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Not by sorting an object: JavaScript puts keys such as "0" before all others, whatever is done. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => [key, canonical(member)] as const);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${member}`)}}`;
}
