/** Payloads as the gateway wrote them: every digit of their numbers, which `JSON.parse` would round. */
import { ExactNumber, type JsonObject, readJson } from '../../core/json.ts';
import { exactJson } from '../../core/json-print.ts';

/** JSON text of a member of the object that the text holds; `null` if it has no such member. */
export function memberText(text: string, name: string): string {
  return exactJson(members(text)[name] ?? null);
}

/** The payload of an object's text over several lines, for people. */
export function payloadText(text: string): string {
  return indented(members(text)['payload'] ?? null, '');
}

function members(text: string): JsonObject {
  return readJson(Buffer.from(text)).value as JsonObject;
}

function indented(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return exactJson(value);
  const inner = `${indent}  `;
  const isArray = Array.isArray(value);
  const lines = isArray
    ? value.map((member) => indented(member, inner))
    : Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${indented(member, inner)}`);
  const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
  if (lines.length === 0) return `${open}${close}`;
  return `${open}\n${lines.map((line) => `${inner}${line}`).join(',\n')}\n${indent}${close}`;
}
