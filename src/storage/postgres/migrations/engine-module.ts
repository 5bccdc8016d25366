/** Loads the WebAssembly of Prisma's schema engine, and notices when it panics. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartupError } from '../../../core/errors.ts';

type Bindings = typeof import('@prisma/schema-engine-wasm/schema_engine_bg');

/** The part of the global `WebAssembly` that is needed here; TypeScript knows it only together with the DOM. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: WasmExports } }>;
};
interface WasmExports {
  __wbindgen_start(): void;
}

/** The engine has broken down, by a defect of its own or of the machine's. It says nothing of the migrations. */
export class EnginePanic extends Error {
  override readonly name = 'EnginePanic';
}

export interface EngineModule {
  readonly SchemaEngine: Bindings['SchemaEngine'];
  /** Rejects with an `EnginePanic`: nothing of the engine works then, and what waits for it would wait for ever. Never resolves. */
  readonly panicked: Promise<never>;
  /** Engines in use. */
  readonly engines: Set<unknown>;
}

let loaded: Promise<EngineModule> | undefined;
let panics = 0;
/** Never collected: that would free the engine, and be a panic again in the middle of anything. */
const dead: unknown[] = [];

/** Once per process, and anew after a panic. @throws StartupError if it cannot be loaded */
export function loadEngine(): Promise<EngineModule> {
  loaded ??= instantiate().catch((error: unknown) => {
    loaded = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The installation is incomplete, @prisma/schema-engine-wasm cannot be loaded: ${reason}`);
  });
  return loaded;
}

/** The package's own entry imports a .wasm file, which Node does only behind a flag: so its steps are done here. */
async function instantiate(): Promise<EngineModule> {
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bindings: Bindings = await import(bindingsUrl(entry));
  const bytes = await readFile(path.join(path.dirname(entry), 'schema_engine_bg.wasm'));
  const engines = new Set<unknown>();
  let onPanic: (error: unknown) => void = () => undefined;
  const panicked = new Promise<never>((_, reject) => {
    onPanic = (error) => {
      loaded = undefined;
      panics++;
      dead.push(engines);
      const reason = error instanceof Error ? error.message : String(error);
      reject(new EnginePanic(`Prisma's schema engine broke down: ${reason}`));
    };
  });
  // Whoever uses the engine then is told; there may be nobody.
  panicked.catch(() => undefined);
  const imports = { './schema_engine_bg.js': guarded(bindings, onPanic) };
  const { instance } = await WebAssembly.instantiate(bytes, imports);
  listenToPanics();
  bindings.__wbg_set_wasm(instance.exports);
  // Without it SchemaEngine.new fails on its first argument.
  instance.exports.__wbindgen_start();
  return { SchemaEngine: bindings.SchemaEngine, panicked, engines };
}

/** The bindings keep the memory of their engine in variables of their own: another engine needs another instance of them. */
function bindingsUrl(entry: string): string {
  const url = pathToFileURL(entry);
  if (panics > 0) url.search = `${panics}`;
  return url.href;
}

/** The engine says here why it panics; else it dies of the missing function instead. Prisma's client, once loaded, sets the same. */
function listenToPanics(): void {
  if ('PRISMA_WASM_PANIC_REGISTRY' in globalThis) return;
  const set_message = (message: string) => {
    throw new Error(message);
  };
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message } });
}

type Callback = (...values: unknown[]) => unknown;

/**
 * The imports of the engine. All that it does it does in callbacks that nobody waits for, so an exception there would end the
 * process. And the timer of 10 s that it sets when it takes the lock, and never clears, must not hold the process.
 */
function guarded(bindings: Bindings, onPanic: (error: unknown) => void): Record<string, unknown> {
  const guard =
    (callback: Callback): Callback =>
    (...values) => {
      try {
        return callback(...values);
      } catch (error) {
        return onPanic(error);
      }
    };
  const replacements = new Map<string, (original: Callback) => Callback>([
    ['setTimeout', () => (callback, ms) => setTimeout(guard(callback as Callback), ms as number).unref()],
    [
      'queueMicrotask',
      // One of that name runs a callback, another looks the function up.
      (original) => (value) =>
        typeof value === 'function' ? queueMicrotask(guard(value as Callback)) : original(value),
    ],
    [
      'then',
      () =>
        (promise, ...callbacks) =>
          (promise as Promise<unknown>).then(...callbacks.map((callback) => guard(callback as Callback))),
    ],
  ]);
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) => {
      const replacement = replacements.get(/^__wbg_(.+)_[0-9a-f]{16}$/.exec(name)?.[1] ?? '');
      return [name, replacement === undefined ? value : replacement(value as Callback)];
    }),
  );
}
