import { messageOf, WeirError } from "../../api/errors.ts";
import type { RawObject, Resource } from "../../api/object.ts";
import type { Api } from "./api.ts";
import { type Clock, pause, systemClock } from "./clock.ts";

const LEASES: Resource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };

export interface LeaseOptions {
  /** Must not be fenced by this very lease. */
  readonly api: Api;
  readonly namespace: string;
  readonly name: string;
  /** Unique among all that compete, restarts of one process included. */
  readonly identity: string;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Others wait this long after the last renewal they saw. */
  readonly durationMs?: number;
  /** We stop leading this long after the last renewal that succeeded. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** The longest that a write of ours takes: none starts later than this before the deadline. */
  readonly requestTimeoutMs?: number;
  readonly onAcquired?: () => void;
  /** Leadership ended without our asking: abort what runs and leave the process, there is no time to tidy up. */
  readonly onLost?: () => void;
  readonly onError?: (message: string) => void;
}

/** Leader election on a Lease. Trusts only its own monotonic clock, never the times that others wrote. */
export interface Lease {
  readonly isLeader: () => boolean;
  /** True while a write that starts now ends before anybody else may lead. Ask before every write. */
  readonly mayWrite: () => boolean;
  /** Throws `lease.lost` when writing is not allowed: for `fenceWrites`. */
  readonly refuseWrites: () => void;
  /** Resolves when we lead for the first time. */
  readonly acquired: Promise<void>;
  /** Stops competing; a leader gives the lease back, so that the next one need not wait. */
  stop(): Promise<void>;
}

/** What was seen in the lease, and when it last changed by our own clock. */
interface Sighting {
  readonly object: RawObject;
  readonly text: string;
  readonly sinceMs: number;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export function startLease(options: LeaseOptions): Lease {
  const election = new Election(options);
  const ended = election.run();
  return {
    isLeader: () => election.isLeader(),
    mayWrite: () => election.mayWrite(),
    refuseWrites() {
      if (election.mayWrite()) return;
      throw new WeirError("lease.lost", "aborted", `not the leader (lease ${options.namespace}/${options.name})`);
    },
    acquired: election.acquired.promise,
    async stop() {
      election.stopping.abort();
      await ended;
    },
  };
}

class Election {
  readonly #options: LeaseOptions;
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #requestTimeoutMs: number;
  readonly stopping = new AbortController();
  readonly acquired = Promise.withResolvers<void>();
  #seen: Sighting | undefined;
  /** When the renewal that succeeded last was sent; undefined while not leading. */
  #renewedAtMs: number | undefined;
  #cancelDeadline: () => void = () => undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2000;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 5000;
  }

  isLeader(): boolean {
    return this.#leadsFor(0);
  }

  mayWrite(): boolean {
    return this.#leadsFor(this.#requestTimeoutMs);
  }

  /** Asks the clock, not a flag: after a blocked event loop or a sleeping machine no timer has run yet. */
  #leadsFor(ms: number): boolean {
    return (
      this.#renewedAtMs !== undefined && this.#clock.monotonicMs() + ms < this.#renewedAtMs + this.#renewDeadlineMs
    );
  }

  async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.#compete();
      } catch (error) {
        if (!this.stopping.signal.aborted) this.#options.onError?.(messageOf(error));
      }
      const jitter = this.#renewedAtMs === undefined ? 1 + 0.2 * (this.#options.random ?? Math.random)() : 1;
      await pause(this.#clock, this.#retryPeriodMs * jitter, this.stopping.signal);
    }
    await this.#release();
  }

  async #compete(): Promise<void> {
    if (this.#renewedAtMs === undefined || this.#seen === undefined) await this.#look();
    const seen = this.#seen;
    if (seen === undefined) return this.#write(undefined);
    const spec = specOf(seen.object);
    const free = (spec.holderIdentity ?? "") === "" || spec.holderIdentity === this.#options.identity;
    const expired = this.#clock.monotonicMs() - seen.sinceMs >= this.#durationMs;
    if (free || expired) return this.#write(seen.object);
  }

  async #look(): Promise<void> {
    const { api, namespace, name } = this.#options;
    const object = await api.get({ resource: LEASES, namespace, name }, this.#call());
    if (object === undefined) this.#seen = undefined;
    else this.#note(object);
  }

  #note(object: RawObject): void {
    const text = JSON.stringify(object["spec"] ?? {});
    if (this.#seen?.text === text) this.#seen = { ...this.#seen, object };
    else this.#seen = { object, text, sinceMs: this.#clock.monotonicMs() };
  }

  async #write(old: RawObject | undefined): Promise<void> {
    const { api, namespace, name, identity } = this.#options;
    const sentAtMs = this.#clock.monotonicMs();
    const before = old === undefined ? {} : specOf(old);
    const mine = before.holderIdentity === identity;
    const now = microTime(this.#clock.now());
    const spec = {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: mine ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (mine || old === undefined ? 0 : 1),
    };
    const base = old ?? { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } };
    try {
      const body = { ...base, spec };
      this.#note(
        await (old === undefined ? api.create(LEASES, body, this.#call()) : api.replace(LEASES, body, this.#call())),
      );
    } catch (error) {
      // Somebody else wrote, or our own write arrived after all: look before the next attempt.
      if (error instanceof WeirError && (error.class === "conflict" || error.code === "api.notFound")) {
        await this.#look();
        if (this.#seen === undefined || specOf(this.#seen.object).holderIdentity !== identity) this.#lose();
      }
      throw error;
    }
    this.#renewed(sentAtMs);
  }

  #renewed(sentAtMs: number): void {
    const first = this.#renewedAtMs === undefined;
    // A renewal that took too long must not revive a leadership that ended meanwhile.
    if (sentAtMs + this.#renewDeadlineMs <= this.#clock.monotonicMs()) return;
    this.#renewedAtMs = sentAtMs;
    this.#cancelDeadline();
    const left = sentAtMs + this.#renewDeadlineMs - this.#clock.monotonicMs();
    this.#cancelDeadline = this.#clock.setTimer(left, () => this.#lose());
    if (!first) return;
    this.acquired.resolve();
    this.#options.onAcquired?.();
  }

  #lose(): void {
    if (this.#renewedAtMs === undefined) return;
    this.#renewedAtMs = undefined;
    this.#cancelDeadline();
    if (!this.stopping.signal.aborted) this.#options.onLost?.();
  }

  async #release(): Promise<void> {
    const leading = this.isLeader();
    this.#renewedAtMs = undefined;
    this.#cancelDeadline();
    if (!leading || this.#seen === undefined) return;
    const now = microTime(this.#clock.now());
    const { leaseTransitions = 0 } = specOf(this.#seen.object);
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    try {
      await this.#options.api.replace(LEASES, { ...this.#seen.object, spec }, { timeoutMs: this.#requestTimeoutMs });
    } catch (error) {
      this.#options.onError?.(`the lease was not given back: ${messageOf(error)}`);
    }
  }

  #call() {
    // A leader's renewal is not torn off by stopping: giving the lease back needs to know how it ended.
    const leading = this.#renewedAtMs !== undefined;
    return { timeoutMs: this.#requestTimeoutMs, ...(leading ? {} : { signal: this.stopping.signal }) };
  }
}

function specOf(object: RawObject): LeaseSpec {
  const spec = object["spec"];
  return typeof spec === "object" && spec !== null ? (spec as LeaseSpec) : {};
}

/** MicroTime takes exactly six digits (kube/http/leases). */
export function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}
