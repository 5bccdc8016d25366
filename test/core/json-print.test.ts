import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../src/core/json.ts';
import { canonicalJson, documentToJsonb, markAltered, toJsonb } from '../../src/core/json-print.ts';

const read = (text: string) => readJson(Buffer.from(text));
const jsonb = (text: string) => {
  const document = read(text);
  return toJsonb(document, document.value);
};

describe('canonicalJson', () => {
  it('sorts keys by code unit, drops spaces, prints numbers as JSON.stringify does or as they were sent', () => {
    const text =
      '{ "b": [1.0, 1.10, 1e2, 12345678901234567890], "a": {"z": null, "Z": "\u00e9", "10": true, "9": -0} }';
    expect(canonicalJson(read(text).value)).toBe(
      '{"a":{"10":true,"9":0,"Z":"é","z":null},"b":[1,1.1,1e2,12345678901234567890]}',
    );
    // U+10000 is the surrogate D800 and sorts before U+FFFF by code unit, after it by code point.
    expect(canonicalJson(read('{"\uFFFF":1,"\u{10000}":2}').value)).toBe('{"\u{10000}":2,"\uFFFF":1}');
  });

  it('says the same whatever the order of keys, and loses nothing', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, reversed(member)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const canonical = canonicalJson(read(JSON.stringify(value)).value);
        expect(canonicalJson(read(JSON.stringify(reversed(value), null, 2)).value)).toBe(canonical);
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('toJsonb', () => {
  it('prints what can be stored as it is', () => {
    expect(jsonb('{"b": "\\ud83d\\ude42 \\u00e9 \\\\u0000", "a": [1.50]}')).toEqual({
      text: '{"b":"🙂 é \\\\u0000","a":[1.5]}',
      altered: false,
    });
  });

  it.each([
    ['U+0000', '["a\\u0000b"]', '["a\uFFFDb"]'],
    ['U+0000 after an escaped backslash', '["\\\\\\u0000"]', '["\\\\\uFFFD"]'],
    ['U+0000 in a key', '{"\\u0000":1}', '{"\uFFFD":1}'],
    ['a lone high surrogate', '["\\ud83dx"]', '["\uFFFDx"]'],
    ['a lone low surrogate', '["\\uDE42"]', '["\uFFFD"]'],
    ['surrogates the wrong way round', '["\\ude42\\ud83d"]', '["\uFFFD\uFFFD"]'],
    ['a number too large', '[1e131072]', '["1e131072"]'],
    ['a number too fine', '[1e-16384]', '["1e-16384"]'],
    ['a number with too many digits', `[${'1'.repeat(131_073)}]`, `["${'1'.repeat(131_073)}"]`],
    ['an exponent that is no int', '[0e99999999999]', '["0e99999999999"]'],
  ])('replaces %s', (_, text, expected) => {
    expect(jsonb(text)).toEqual({ text: expected, altered: true });
  });

  it.each(['1e131071', '1e-16383', '0.1e131072', '0e999999', '-12345678901234567890.5', '0.0000000000000001e131087'])(
    'keeps %s exactly',
    (number) => {
      expect(jsonb(`[${number}]`)).toEqual({ text: `[${number}]`, altered: false });
    },
  );

  it('gives nothing for what is nested deeper than there is room', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(jsonb(nested(200))).toEqual({ text: nested(200), altered: false });
    expect(jsonb(nested(201))).toBeNull();
    expect(jsonb(nested(100_000))).toBeNull();
    // Beside it, everything else of the document can be printed.
    expect(toJsonb(read(`[${nested(300)},{"a":1e3}]`), { a: 1 })).toEqual({ text: '{"a":1}', altered: false });
  });

  it('marks what stands where the bytes were no UTF-8, and only that', () => {
    const document = readJson(Buffer.concat([Buffer.from('["a'), Buffer.from([0xff]), Buffer.from('","b"]')]));
    expect(toJsonb(document, 'a\uFFFD')).toEqual({ text: '"a\uFFFD"', altered: true });
    expect(toJsonb(document, 'b')).toEqual({ text: '"b"', altered: false });
  });
});

describe('documentToJsonb', () => {
  it('gives the text itself where it can be stored', () => {
    const text = ' {\n  "a": 1.50, "n": 12345678901234567890, "é": "\\u00e9"\n} ';
    expect(documentToJsonb(read(text))).toBe(text);
    expect(documentToJsonb(read('"x"'))).toBe('"x"');
  });

  it('alters and marks what cannot', () => {
    expect(documentToJsonb(read('{"a":"\\u0000","n":1e2}'))).toBe('{"a":"\uFFFD","n":1e2,"$altered":true}');
    expect(documentToJsonb(read('{"n":1e999999}'))).toBe('{"n":"1e999999","$altered":true}');
    expect(documentToJsonb(readJson(Buffer.from('{"a":"\xff"}', 'latin1')))).toBe('{"a":"\uFFFD","$altered":true}');
    expect(documentToJsonb(read(`${'['.repeat(201)}${']'.repeat(201)}`))).toBeNull();
  });

  it('leaves escaped pairs of surrogates unmarked', () => {
    expect(documentToJsonb(read('{"a":"\\uD83D\\uDE42"}'))).toBe('{"a":"🙂"}');
  });
});

describe('markAltered', () => {
  it('adds the mark to objects, and puts one around everything else', () => {
    expect(markAltered({ text: '{"$altered":false}\n', altered: true })).toBe('{"$altered":false,"$altered":true}');
    expect(markAltered({ text: ' { } ', altered: true })).toBe('{"$altered":true}');
    expect(markAltered({ text: '[1]', altered: true })).toBe('{"value":[1],"$altered":true}');
    expect(markAltered({ text: '[1]', altered: false })).toBe('[1]');
  });
});
