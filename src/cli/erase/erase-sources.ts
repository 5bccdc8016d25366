/** An erasure in every source that is meant, one after the other. */
import type { Eraser, ErasureStore } from '../../core/erasure.ts';
import { StartupError } from '../../core/errors.ts';
import type { WebhookProviderName } from '../../core/event.ts';
import { type EraseOptions, erasePerson } from '../../erasure/erase-person.ts';
import type { ErasureReport } from '../../erasure/report.ts';
import { erasers } from '../../providers/erasers.ts';
import { providers } from '../../providers/index.ts';
import { projectors } from '../../providers/projectors.ts';

type Options = Pick<EraseOptions, 'store' | 'subject' | 'dryRun' | 'onStep' | 'signal'> & {
  /** Undefined: all of them. */
  readonly source: string | undefined;
};

/** @throws StartupError if there is no such source, or somebody else erases or rebuilds */
export async function eraseSources(
  options: Options,
): Promise<ReadonlyMap<WebhookProviderName, readonly ErasureReport[]>> {
  const { store, dryRun } = options;
  const sources = await sourcesOf(options);
  if (dryRun) return eraseAll(sources, options);
  const lock = await store.lock();
  if (lock === 'held') {
    throw new StartupError('A rebuild of projections or another erasure is at work: run it again when that has ended.');
  }
  try {
    return await eraseAll(sources, { ...options, signal: AbortSignal.any([options.signal, lock.lost]) });
  } finally {
    await store.releaseRetention().catch(() => undefined);
    await lock.release();
  }
}

interface EraserSource {
  readonly name: WebhookProviderName;
  readonly eraser: Eraser;
  readonly source: string;
}

async function sourcesOf({
  store,
  source,
}: {
  store: ErasureStore;
  source: string | undefined;
}): Promise<EraserSource[]> {
  const found: EraserSource[] = [];
  for (const [provider, eraser] of Object.entries(erasers)) {
    const name = provider as WebhookProviderName;
    for (const one of await store.sources(name, projectors[name].tables)) found.push({ name, eraser, source: one });
  }
  if (source === undefined) return found;
  const meant = found.filter((one) => one.source === source);
  if (meant.length > 0) return meant;
  const names = found.map((one) => one.source).join(', ');
  throw new StartupError(
    `--source: people are known in ${names === '' ? 'no source' : names}, and ${source} is none of these.`,
  );
}

async function eraseAll(
  sources: readonly EraserSource[],
  options: Options,
): Promise<ReadonlyMap<WebhookProviderName, readonly ErasureReport[]>> {
  const reports = new Map<WebhookProviderName, ErasureReport[]>();
  for (const { name, eraser, source } of sources) {
    const onStep = (step: string) => options.onStep(`${source}: ${step}`);
    const report = await erasePerson({
      ...options,
      source,
      onStep,
      eraser,
      provider: providers[name],
      projector: projectors[name],
    });
    reports.set(name, [...(reports.get(name) ?? []), report]);
  }
  return reports;
}
