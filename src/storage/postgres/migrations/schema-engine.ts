/** Prisma's schema engine as WebAssembly: what `prisma migrate deploy` runs, without the binary that its CLI downloads. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { ApplyMigrationsInput, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { StartupError } from '../../../core/errors.ts';
import type { MigrationSession } from './session.ts';

/** The part of the global `WebAssembly` that is needed here; TypeScript knows it only together with the DOM. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: WasmExports } }>;
};
interface WasmExports {
  __wbindgen_start(): void;
}

type EngineClass = typeof SchemaEngine;
export type MigrationList = ApplyMigrationsInput['migrationsList'];

let engineClass: Promise<EngineClass> | undefined;

/** Loads the engine, once per process. */
function loadEngine(): Promise<EngineClass> {
  engineClass ??= instantiateEngine().catch((error: unknown) => {
    engineClass = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The installation is incomplete, @prisma/schema-engine-wasm cannot be loaded: ${reason}`);
  });
  return engineClass;
}

/** The engine says here why it panics; else it dies of the missing function instead. Prisma's client, once loaded, sets the same. */
function listenToPanics(): void {
  if ('PRISMA_WASM_PANIC_REGISTRY' in globalThis) return;
  const set_message = (message: string) => {
    throw new Error(`Prisma's schema engine panicked: ${message}`);
  };
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message } });
}

/** The package's own entry imports a .wasm file, which Node does only behind a flag: so its steps are done here. */
async function instantiateEngine(): Promise<EngineClass> {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(path.join(path.dirname(entry), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, {
    './schema_engine_bg.js': withoutHoldingTheProcess(bindings),
  });
  listenToPanics();
  bindings.__wbg_set_wasm(instance.exports);
  // Without it SchemaEngine.new fails on its first argument.
  instance.exports.__wbindgen_start();
  return bindings.SchemaEngine;
}

/** The engine sets a timer of 10 s when it takes the lock and never clears it: the process could not exit before. */
function withoutHoldingTheProcess(bindings: object): Record<string, unknown> {
  const isSetTimeout = (name: string) => name.startsWith('__wbg_setTimeout_');
  const unreferenced = (callback: () => void, ms: number) => setTimeout(callback, ms).unref();
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) => [name, isSetTimeout(name) ? unreferenced : value]),
  );
}

export interface EngineOptions {
  /** Used for everything the engine does, and left open. */
  readonly session: MigrationSession;
  readonly schema: string;
  /** Each script is handed through this before it goes to PostgreSQL. */
  readonly prepareScript: (script: string) => string;
  /** Told of every error of the database: the engine's own errors keep neither code nor, at times, text. */
  readonly onDatabaseError: (error: unknown) => void;
}

/** Runs `use` with an engine on the session, and frees it. @throws StartupError if the engine cannot be loaded */
export async function withSchemaEngine<T>(
  options: EngineOptions,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  const Engine = await loadEngine();
  const adapter = bindMigrationAwareSqlAdapterFactory(wholeScriptAdapter(options));
  const engine = await Engine.new({ datamodels: undefined }, () => undefined, adapter);
  try {
    return await use(engine);
  } finally {
    engine.free();
  }
}

/**
 * Prisma's adapter, except that a script goes to PostgreSQL whole. Prisma's own splits it at every `;`, those in strings,
 * comments and function bodies included. Sent whole, as one simple query, it also is one transaction.
 */
function wholeScriptAdapter(options: EngineOptions): SqlMigrationAwareDriverAdapterFactory {
  // Never connects by itself. A real pool would give the connection away after the first refused statement.
  const pool = Object.assign(new pg.Pool({ max: 1 }), { query: options.session.run });
  const factory = new PrismaPg(pool, { schema: options.schema });
  const reported = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } catch (error) {
      options.onDatabaseError(error);
      throw error;
    }
  };
  const connect = async (): Promise<SqlDriverAdapter> => {
    const inner = await factory.connect();
    return {
      provider: inner.provider,
      adapterName: inner.adapterName,
      queryRaw: (query) => reported(inner.queryRaw(query)),
      executeRaw: (query) => reported(inner.executeRaw(query)),
      startTransaction: () => Promise.reject(new Error('A migration is a transaction already')),
      getConnectionInfo: () => inner.getConnectionInfo(),
      executeScript: (script) => reported(executeWhole(options.session, options.prepareScript(script))),
      dispose: () => inner.dispose(),
    };
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect,
    connectToShadowDb: () => Promise.reject(new Error('The daemon makes no shadow databases')),
  };
}

async function executeWhole(session: MigrationSession, script: string): Promise<void> {
  try {
    await session.run(script);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code = 'N/A', severity = 'N/A', message, detail, column, hint } = error;
    throw new DriverAdapterError({
      kind: 'postgres',
      originalCode: code,
      originalMessage: message,
      ...{ code, severity, message, detail, column, hint },
    });
  }
}
