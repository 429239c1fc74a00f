/**
 * A keyed work queue: a key that is added while it waits is worked on once; one that is added while it is worked on is
 * worked on again afterwards. Failed keys come back with growing delays. This is what makes controllers level-triggered.
 */
import { ApiError } from "../apiserver/types.ts";

/** Works on one key. The answer is a number of milliseconds after which the key should be looked at again. */
export type Sync = (key: string) => Promise<number | undefined>;

interface QueueOptions {
  readonly sync: Sync;
  /** Told about every failure that is no write conflict. */
  readonly failed: (key: string, error: unknown) => void;
  readonly concurrency?: number;
}

const FIRST_RETRY_MS = 5;
const LAST_RETRY_MS = 30_000;

export class KeyQueue {
  readonly #options: QueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();
  #scheduled: NodeJS.Immediate | undefined;
  #stopped = false;
  #frozen = false;
  #drained: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#stopped) return;
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    // The next turn of the event loop, so that a burst of events makes one sync.
    this.#scheduled ??= setImmediate(() => this.#dispatch());
  }

  /** Adds the key later. Of several wishes for one key the earliest counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return;
    const at = Date.now() + milliseconds;
    const planned = this.#timers.get(key);
    if (planned !== undefined && planned.at <= at) return;
    clearTimeout(planned?.timer);
    const timer = setTimeout(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      Math.min(milliseconds, 2 ** 31 - 1),
    );
    timer.unref();
    this.#timers.set(key, { at, timer });
  }

  /** Works on nothing more until `thaw`; what is added meanwhile waits. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    if (!this.#stopped) this.#scheduled ??= setImmediate(() => this.#dispatch());
  }

  /** Forgets what waits and resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearImmediate(this.#scheduled);
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  #dispatch(): void {
    this.#scheduled = undefined;
    if (this.#frozen) return;
    const concurrency = this.#options.concurrency ?? 5;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    try {
      const again = await this.#options.sync(key);
      this.#failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (error) {
      this.#retry(key, error);
    }
    this.#running.delete(key);
    if (this.#again.delete(key) && !this.#stopped) this.#waiting.add(key);
    if (this.#stopped && this.#running.size === 0) this.#drained?.();
    if (this.#waiting.size > 0) this.#scheduled ??= setImmediate(() => this.#dispatch());
  }

  #retry(key: string, error: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.addAfter(key, Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LAST_RETRY_MS));
    const conflict = error instanceof ApiError && error.code === 409;
    if (!conflict && !this.#stopped) this.#options.failed(key, error);
  }
}
