import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { WeirError } from "../../../api/errors.ts";
import type { RawObject } from "../../../api/object.ts";
import type { Api } from "../../../controller/kube/api.ts";
import { type Lease, microTime, startLease } from "../../../controller/kube/lease.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";

interface Spec {
  readonly holderIdentity?: string;
  readonly leaseTransitions?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
}

/** One Lease as the API server keeps it, and ways to be away. */
function leaseServer(clock: FakeClock) {
  let stored: RawObject | undefined;
  let version = 0;
  let fault: "none" | "unreachable" | "hanging" = "none";
  let writes = 0;

  const reach = async (options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<void> => {
    if (fault === "unreachable") throw new WeirError("api.unreachable", "retry", "no route");
    if (fault === "hanging") {
      await new Promise<void>((resolve) => clock.setTimer(options.timeoutMs ?? 10_000, resolve));
      throw new WeirError("api.unreachable", "retry", "no answer");
    }
  };
  const store = (object: RawObject): RawObject => {
    version += 1;
    writes += 1;
    stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    return stored;
  };
  const api = {
    async get(_, options) {
      await reach(options);
      return stored;
    },
    async create(_, object, options) {
      await reach(options);
      if (stored !== undefined) throw new WeirError("api.conflict", "conflict", "already exists");
      return store(object);
    },
    async replace(_, object, options) {
      await reach(options);
      if (object.metadata.resourceVersion !== stored?.metadata.resourceVersion) {
        throw new WeirError("api.conflict", "conflict", "the object has been modified");
      }
      return store(object);
    },
  } satisfies Partial<Api>;
  return {
    api: api as unknown as Api,
    spec: () => (stored?.["spec"] ?? {}) as Spec,
    writes: () => writes,
    become(next: typeof fault): void {
      fault = next;
    },
    takeOver(holderIdentity: string): void {
      store({ ...(stored as RawObject), spec: { ...(stored?.["spec"] as object), holderIdentity } });
    },
    /** Somebody else renews, with a clock that is years off. */
    renewElsewhere(): void {
      store({ ...(stored as RawObject), spec: { ...(stored?.["spec"] as object), renewTime: `${version}` } });
    },
  };
}

describe("the lease", () => {
  let clock: FakeClock;
  let server: ReturnType<typeof leaseServer>;
  let leases: Lease[];
  let told: string[];

  beforeEach(() => {
    clock = fakeClock();
    server = leaseServer(clock);
    leases = [];
    told = [];
  });
  afterEach(async () => {
    server.become("none");
    const stopped = Promise.all(leases.map((lease) => lease.stop()));
    await clock.advance(20_000);
    await stopped;
  });

  const compete = (identity: string): Lease => {
    const lease = startLease({
      api: server.api,
      namespace: "weir-system",
      name: "weir",
      identity,
      clock,
      random: () => 0,
      onAcquired: () => told.push(`${identity} leads`),
      onLost: () => told.push(`${identity} lost`),
    });
    leases.push(lease);
    return lease;
  };

  it("is taken by the first to ask, who renews it while the others wait", async () => {
    const a = compete("a");
    await a.acquired;
    const b = compete("b");
    await clock.advance(60_000);
    assert.deepEqual([a.isLeader(), b.isLeader(), told], [true, false, ["a leads"]]);
    assert.equal(server.spec().holderIdentity, "a");
    assert.equal(server.spec().acquireTime, "2026-01-01T00:00:00.000000Z");
    assert.equal(server.spec().renewTime, "2026-01-01T00:01:00.000000Z");
    assert.equal(server.spec().leaseTransitions, 0);
  });

  it("passes on at once when its holder stops", async () => {
    const a = compete("a");
    await a.acquired;
    const b = compete("b");
    await clock.advance(3000);
    await a.stop();
    assert.deepEqual([a.isLeader(), server.spec().holderIdentity], [false, ""]);
    await clock.advance(2000);
    assert.deepEqual([b.isLeader(), server.spec().leaseTransitions, told], [true, 1, ["a leads", "b leads"]]);
  });

  it("is taken over only after nothing changed for its whole duration by the own clock, whatever times it says", async () => {
    await server.api.create({} as never, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "weir", namespace: "weir-system" },
      spec: { holderIdentity: "gone", renewTime: "1999-01-01T00:00:00.000000Z", leaseDurationSeconds: 15 },
    });
    const b = compete("b");
    await clock.advance(14_000);
    server.renewElsewhere();
    await clock.advance(14_000);
    assert.equal(b.isLeader(), false);
    await clock.advance(4000);
    assert.equal(b.isLeader(), true);
  });

  for (const fault of ["unreachable", "hanging"] as const) {
    it(`${fault}: writing stops a request's length before leading does, and leading before anybody else may lead`, async () => {
      const a = compete("a");
      await a.acquired;
      await clock.advance(2000);
      server.become(fault);
      await clock.advance(4999);
      assert.deepEqual([a.mayWrite(), a.isLeader()], [true, true]);
      assert.doesNotThrow(a.refuseWrites);
      await clock.advance(1);
      assert.deepEqual([a.mayWrite(), a.isLeader()], [false, true]);
      assert.throws(a.refuseWrites, { code: "lease.lost" });
      await clock.advance(5000);
      assert.deepEqual([a.isLeader(), told], [false, ["a leads", "a lost"]]);
    });
  }

  it("a loop that was blocked finds itself without the lease before any timer ran", async () => {
    let jump = 0;
    const stopped = { ...clock, monotonicMs: () => clock.monotonicMs() + jump };
    const lease = startLease({ api: server.api, namespace: "n", name: "l", identity: "a", clock: stopped });
    leases.push(lease);
    await lease.acquired;
    assert.equal(lease.mayWrite(), true);
    jump = 10_000;
    assert.deepEqual([lease.mayWrite(), lease.isLeader()], [false, false]);
  });

  it("a renewal that was answered after its own deadline revives nothing", async () => {
    const slow = { ...server.api, replace: server.api.replace };
    const lease = startLease({
      api: slow,
      namespace: "n",
      name: "l",
      identity: "a",
      clock,
      onLost: () => told.push("lost"),
    });
    leases.push(lease);
    await lease.acquired;
    slow.replace = async (...call) => {
      await new Promise<void>((resolve) => clock.setTimer(12_000, resolve));
      return server.api.replace(...call);
    };
    await clock.advance(13_000);
    assert.deepEqual(told, ["lost"]);
    await clock.advance(1000);
    assert.deepEqual([lease.isLeader(), told], [false, ["lost"]]);
  });

  it("is given up as soon as another holder is seen in it", async () => {
    const a = compete("a");
    await a.acquired;
    server.takeOver("b");
    await clock.advance(2000);
    assert.deepEqual([a.isLeader(), told], [false, ["a leads", "a lost"]]);
  });

  it("costs one write per renewal and nothing else", async () => {
    const a = compete("a");
    await a.acquired;
    const before = server.writes();
    await clock.advance(20_000);
    assert.equal(server.writes() - before, 10);
  });

  it("writes times with six digits", () => {
    assert.equal(microTime(new Date("2026-01-01T00:00:00.120Z")), "2026-01-01T00:00:00.120000Z");
  });
});
