/** What docs/data-model.md says, in parts that can be held against a database, and what is expected of them. */
import { readFileSync } from 'node:fs';

const markdown = readFileSync(new URL('../../docs/data-model.md', import.meta.url), 'utf8');

export interface ReadyQuery {
  /** As in its heading, with the number. */
  readonly title: string;
  readonly sql: string;
}

/** What a query answers to some values of its variables. */
export interface Case {
  readonly variables?: Readonly<Record<string, string>>;
  /** `bigint` and `numeric` come as text: they may exceed a double. */
  readonly rows: readonly object[];
}

/** The SQL blocks, by the heading `### <number>. …` that each stands under. @throws Error if one has no heading of its own */
export function readyQueries(): readonly ReadyQuery[] {
  const sections = markdown.split(/^### (?=\d+\. )/m).slice(1);
  const queries = sections.map((section) => {
    const [title = ''] = section.split('\n', 1);
    const [sql, ...others] = blocks(section, 'sql');
    if (sql === undefined || others.length > 0) throw new Error(`not one SQL block under "${title}"`);
    return { title, sql };
  });
  const all = blocks(markdown, 'sql').length;
  if (all !== queries.length) throw new Error(`${all} SQL blocks, of which ${queries.length} have a numbered heading`);
  return queries;
}

/** The query as psql sends it: `:'name'` is the value as a literal. @throws Error unless it takes just these variables */
export function withVariables({ title, sql }: ReadyQuery, variables: Readonly<Record<string, string>>): string {
  const used = new Set<string>();
  const sent = sql.replaceAll(/:'(\w+)'/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`"${title}" takes a variable ${name}`);
    used.add(name);
    return `'${value.replaceAll("'", "''")}'`;
  });
  const unused = Object.keys(variables).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`"${title}" takes no variable ${unused.join(', ')}`);
  return sent;
}

/** A column as the diagram has it. */
export interface DrawnColumn {
  readonly name: string;
  /** Marked `PK`. */
  readonly primary: boolean;
}

/** The tables of the diagram. */
export function diagram(): ReadonlyMap<string, readonly DrawnColumn[]> {
  const [source = ''] = blocks(markdown, 'mermaid');
  const entities = source.matchAll(/^ *(\w+) \{\n(.*?)^ *\}$/gms);
  return new Map([...entities].map(([, table = '', body = '']) => [table, columnsOf(body)]));
}

/** Lines of `<type> <name> [PK] ["…"]`. */
function columnsOf(body: string): DrawnColumn[] {
  const lines = body.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([, name, mark]) => (name === undefined ? [] : [{ name, primary: mark === 'PK' }]));
}

/** The tables that an arrow of the diagram begins or ends at. */
export function related(): readonly string[] {
  const [source = ''] = blocks(markdown, 'mermaid');
  return [...source.matchAll(/^\s*(\w+) \S*(?:--|\.\.)\S* (\w+) :/gm)].flatMap(([, one = '', other = '']) => [
    one,
    other,
  ]);
}

/** The names in the first column of the tables under "## Tables". */
export function tablesListed(): readonly string[] {
  const [, section = ''] = markdown.split(/^## Tables$/m);
  const [own = ''] = section.split(/^## /m);
  return [...own.matchAll(/^\| `(\w+)` /gm)].map(([, name = '']) => name);
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code);
}
