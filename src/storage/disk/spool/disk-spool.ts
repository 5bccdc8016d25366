/** The parts of the spool, put together. */
import { SpoolError } from '../../../core/errors.ts';
import type { VerifiedRequest } from '../../../core/event.ts';
import type { ReadinessCheck } from '../../../core/health.ts';
import type { Spool, SpoolCounts, SpooledRequest, SpoolLimit } from '../../../core/spool.ts';
import { atMost } from './at-most.ts';
import { DiskSpace } from './disk-space.ts';
import { GroupCommit } from './group-commit.ts';
import { type EncodedRecord, encodeRecord } from './record.ts';
import { SegmentDrain } from './segment-drain.ts';
import { earlier, SegmentList } from './segment-list.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { SpoolOptions } from './spool.ts';
import { toSpoolError } from './spool-fault.ts';
import { errorCode } from './spool-files.ts';
import { SpoolHealth } from './spool-health.ts';
import { SpoolHome } from './spool-home.ts';
import { DiskTrial } from './try-disk.ts';

/** Bytes of records that may wait for the disk. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

type Settings = Required<SpoolOptions>;

/** `open()` it before anything else. */
export class DiskSpool implements Spool {
  readonly #options: Settings;
  readonly #segments = new SegmentList();
  readonly #health: SpoolHealth;
  readonly #home: SpoolHome;
  readonly #writer: SegmentWriter;
  readonly #groups: GroupCommit;
  readonly #drain: SegmentDrain;
  readonly #trial: DiskTrial;
  readonly #listeners: (() => void)[] = [];
  /** What the drain was asked for last; the next follows it. */
  #draining: Promise<unknown> = Promise.resolve();
  #scanning: Promise<void> | undefined;
  #scanTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: Settings) {
    const { directory, maxBytes, logger, files, hangMs, segmentBytes } = options;
    const segments = this.#segments;
    const space = new DiskSpace(files);
    this.#options = options;
    this.#health = new SpoolHealth(logger);
    this.#home = new SpoolHome({ files, directory, maxBytes, segments, logger });
    this.#writer = new SegmentWriter({ files, segments, space, segmentBytes });
    this.#groups = new GroupCommit({
      write: (records) => this.#write(records),
      hangMs,
      onHang: (error) => this.#health.fail(error),
    });
    const seal = () => this.#groups.between(() => this.#writer.seal());
    this.#drain = new SegmentDrain({ files, segments, logger, seal });
    this.#trial = new DiskTrial({
      files,
      space,
      directory: () => this.#home.open(),
      onOutcome: (error) => (error === null ? this.#health.succeed() : this.#health.fail(toSpoolError(error))),
    });
  }

  /** Returns when the first look is over, or the disk hangs. */
  async open(): Promise<void> {
    this.#scanTimer = setInterval(() => void this.#scan(), this.#options.scanMs).unref();
    await atMost(this.#options.hangMs, this.#scan());
  }

  append(request: VerifiedRequest): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new SpoolError('broken', 'The spool is closed'));
    const record = encodeRecord(
      request,
      request.events.map(({ dedupeKey, id }) => [dedupeKey, id]),
    );
    const waits = () => this.#groups.bytes + record.bytes <= MAX_WAITING_BYTES;
    const { maxBytes } = this.#options;
    const fits = () => this.#segments.bytesOnDisk + this.#groups.bytes + record.bytes <= maxBytes;
    if (!fits()) return this.#refuse(`The spool is full: it may take ${maxBytes} bytes (SPOOL_MAX_BYTES)`, fits);
    if (!waits()) return this.#refuse('Too many requests wait for the disk of the spool', waits);
    return this.#groups.append(record);
  }

  check(): ReadinessCheck {
    const state = this.#health.check();
    void this.#tryDisk();
    return state;
  }

  peek(limit: SpoolLimit): Promise<readonly SpooledRequest[]> {
    return this.#inTurn(async () => (this.#closing === undefined ? this.#drain.peek(limit) : []));
  }

  remove(requests: readonly SpooledRequest[]): Promise<void> {
    return this.#inTurn(() => this.#drain.remove(requests));
  }

  reject(request: SpooledRequest): Promise<void> {
    return this.#inTurn(() => this.#drain.reject(request));
  }

  counts(): SpoolCounts {
    const { torn, corrupt, rejected } = this.#drain;
    const { records, bytes, oldestUnread } = this.#segments.left();
    const oldest = earlier(this.#drain.oldestRead ?? null, oldestUnread);
    return { records, bytes, oldest, torn, corrupt, rejected, asideBytes: this.#segments.asideBytes };
  }

  onRecords(listener: () => void): void {
    this.#listeners.push(listener);
    if (this.#segments.all().length > 0) queueMicrotask(listener);
  }

  close(): Promise<void> {
    this.#closing ??= atMost(this.#options.hangMs, this.#shutDown());
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#scanTimer);
    await this.#groups.idle();
    await this.#scanning;
    await this.#trial.idle();
    await this.#inTurn(() => this.#drain.reset());
    await this.#groups.between(() => this.#writer.seal());
    await this.#home.release();
  }

  async #write(records: readonly EncodedRecord[]): Promise<void> {
    try {
      await this.#writer.write(records, await this.#home.open());
    } catch (error) {
      if (errorCode(error) === 'ENOENT') await this.#forgetIfGone();
      const refusal = toSpoolError(error);
      this.#health.fail(refusal);
      throw refusal;
    }
    this.#health.succeed();
    this.#tell();
  }

  #refuse(message: string, over: () => boolean): Promise<never> {
    const refusal = new SpoolError('full', message);
    this.#health.fail(refusal, over);
    return Promise.reject(refusal);
  }

  /** One look at a time. */
  #scan(): Promise<void> {
    this.#scanning ??= this.#lookAround().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #lookAround(): Promise<void> {
    try {
      await this.#home.open();
    } catch (error) {
      this.#health.fail(toSpoolError(error));
      return;
    }
    try {
      const added = await this.#home.takeOver();
      const postponed = this.#segments.all().some((segment) => segment.postponed);
      await this.#inTurn(() => this.#drain.retryPostponed());
      if (added || postponed) this.#tell();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') await this.#groups.between(() => this.#forgetIfGone());
      else this.#options.logger.warn({ err: error }, 'the spool directory cannot be read');
    }
    await this.#tryDisk();
  }

  /** Somebody removed the directory: what was in it is lost, and the spool begins anew. Not while a group is written. */
  async #forgetIfGone(): Promise<void> {
    if (!(await this.#home.isGone())) return;
    await this.#writer.seal();
    await this.#home.forget();
    // Not before nothing is counted any more: who reads of the loss looks at the counts.
    this.#options.logger.error('the directory of the spool was removed');
    void this.#inTurn(() => this.#drain.reset());
  }

  async #tryDisk(): Promise<void> {
    if (this.#health.needsTry && !this.#groups.hanging && this.#closing === undefined) await this.#trial.run();
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#draining.then(task);
    this.#draining = result.catch(() => undefined);
    return result;
  }

  #tell(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }
}
