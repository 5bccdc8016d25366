/** Statements under names of their own, which the server parses and plans once for each connection and not once for each use. */
import { hash } from 'node:crypto';
import type pg from 'pg';
import { sqlStateOf } from './store-error.ts';

/** Prepared under a name, the statement is not there, or is there already: behind a proxy that gives each transaction another of its connections. */
const NAME_LOST = ['26000', '42P05'];
/** A table has got a column since the statement was prepared. The connection is done with; the next one knows nothing of it. */
const PLAN_OUTDATED = '0A000';

const names = new Map<string, string>();

/** The client, which gives a name to every query that has values; to use like itself. The texts must be few. */
export function namingStatements(client: pg.PoolClient): pg.PoolClient {
  return new Proxy(client, {
    get(target, property) {
      if (property !== 'query') return Reflect.get(target, property, target);
      return (query: string | pg.QueryConfig, ...rest: readonly unknown[]) =>
        Reflect.apply(target.query, target, [
          isNameable(query) ? { name: nameOf(query.text), ...query } : query,
          ...rest,
        ]);
    },
  });
}

/** Without names nothing would have been wrong. */
export function isFaultOfNames(error: unknown): boolean {
  return areNamesLost(error) || sqlStateOf(error) === PLAN_OUTDATED;
}

/** And so it will be the next time. */
export function areNamesLost(error: unknown): boolean {
  return NAME_LOST.includes(sqlStateOf(error) ?? '');
}

function isNameable(query: string | pg.QueryConfig): query is pg.QueryConfig {
  return typeof query === 'object' && query.values !== undefined;
}

/** Of this very text: behind a proxy, the name could be that of another version's statement. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `gateway_${hash('sha256', text, 'hex').slice(0, 16)}`;
  names.set(text, name);
  return name;
}
