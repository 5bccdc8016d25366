/** Every link of README.md and docs/ to a file of ours leads somewhere: the file is there, and so is the heading. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
);

function prose(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
}

/** As GitHub names them. */
function anchors(path: string): string[] {
  return [...prose(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function isBroken(document: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? document : join(dirname(document), file);
  return !existsSync(join(ROOT, path)) || (anchor !== undefined && !anchors(path).includes(anchor));
}

it.each(documents)('%s', (document) => {
  const targets = [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const ours = targets.filter((target) => !/^[a-z]+:/.test(target));
  expect(ours.filter((target) => isBroken(document, target))).toEqual([]);
});

it('README.md names every document', () => {
  const readme = prose('README.md');
  expect(documents.filter((path) => path !== 'README.md' && !readme.includes(`](${path})`))).toEqual([]);
});
