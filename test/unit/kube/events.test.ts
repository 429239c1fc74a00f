import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { WeirError } from "../../../api/errors.ts";
import type { RawObject } from "../../../api/object.ts";
import type { Api } from "../../../controller/kube/api.ts";
import { createCorrelator } from "../../../controller/kube/eventCorrelation.ts";
import { createRecorder, type Recorder } from "../../../controller/kube/events.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";

const canary = {
  apiVersion: "flagger.app/v1beta1",
  kind: "Canary",
  metadata: { name: "podinfo", namespace: "test", uid: "u1", resourceVersion: "7" },
};

describe("the event recorder", () => {
  let clock: FakeClock;
  let written: Map<string, RawObject & { message?: string; count?: number }>;
  let refuse: (() => WeirError | undefined) | undefined;
  let recorder: Recorder;

  beforeEach(() => {
    clock = fakeClock();
    written = new Map();
    refuse = undefined;
    const api = {
      async create(_, object) {
        const error = refuse?.();
        if (error !== undefined) throw error;
        written.set(object.metadata.name, object);
        return object;
      },
      async mergePatch(ref, patch) {
        const event = written.get(ref.name);
        if (event === undefined) throw new WeirError("api.notFound", "terminal", "expired");
        written.set(ref.name, { ...event, ...patch });
        return event;
      },
    } satisfies Partial<Api>;
    recorder = createRecorder({ api: api as unknown as Api, component: "flagger", clock });
  });

  const record = (message: string): void =>
    recorder.record({ object: canary, type: "Normal", reason: "Synced", message });
  const texts = (): string[] =>
    [...written.values()].map(({ message, count }) => (count === 1 ? `${message}` : `${message} (x${count})`));

  it("writes what kubectl describe shows", async () => {
    record("New revision detected!");
    await recorder.idle();
    const [event] = [...written.values()];
    assert.match(event?.metadata.name ?? "", /^podinfo\.[0-9a-f]+$/);
    assert.deepEqual(
      { ...event, metadata: event?.metadata.namespace },
      {
        apiVersion: "v1",
        kind: "Event",
        metadata: "test",
        involvedObject: {
          apiVersion: "flagger.app/v1beta1",
          kind: "Canary",
          name: "podinfo",
          namespace: "test",
          uid: "u1",
          resourceVersion: "7",
        },
        reason: "Synced",
        message: "New revision detected!",
        type: "Normal",
        source: { component: "flagger" },
        firstTimestamp: "2026-01-01T00:00:00Z",
        lastTimestamp: "2026-01-01T00:00:00Z",
        count: 1,
        reportingComponent: "flagger",
        reportingInstance: "",
      },
    );
  });

  it("keeps the order, by names that rise even within a millisecond", async () => {
    const messages = Array.from({ length: 20 }, (_, step) => `Advance weight ${step}`);
    messages.forEach(record);
    await recorder.idle();
    assert.deepEqual(texts(), messages);
    const names = [...written.keys()];
    assert.deepEqual([...names].sort(), names);
  });

  it("counts what repeats, and writes it anew once the API server forgot it", async () => {
    for (let count = 0; count < 3; count += 1) record("halt");
    await recorder.idle();
    assert.deepEqual(texts(), ["halt (x3)"]);
    written.clear();
    record("halt");
    await recorder.idle();
    assert.deepEqual(texts(), ["halt"]);
  });

  it("folds what is left of a flood into one event", async () => {
    for (let step = 0; step < 33; step += 1) record(`message ${step}`);
    await recorder.idle();
    assert.equal(written.size, 31);
    assert.equal(texts().at(-1), "(combined from similar events): message 32 (x3)");
    await clock.advance(600_001);
    record("later");
    await recorder.idle();
    assert.equal(texts().at(-1), "later");
  });

  it("retries what may pass, counts what does not, and never blocks", async () => {
    let away = true;
    refuse = () => (away ? new WeirError("api.unavailable", "retry", "away") : undefined);
    record("first");
    record("second");
    await clock.advance(1000);
    away = false;
    await clock.advance(2000);
    await recorder.idle();
    assert.deepEqual(texts(), ["first", "second"]);
    refuse = () => new WeirError("api.forbidden", "terminal", "no");
    record("third");
    await recorder.idle();
    assert.deepEqual(recorder.counts, { written: 2, dropped: 0, failed: 1 });
  });

  it("stopping gives up what can't be delivered in time", async () => {
    refuse = () => new WeirError("api.unavailable", "retry", "away");
    record("first");
    const stopped = recorder.stop(500);
    await clock.advance(500);
    await stopped;
    assert.deepEqual(recorder.counts, { written: 0, dropped: 0, failed: 1 });
  });

  it("shortens what is longer than an event may be", async () => {
    record("x".repeat(5000));
    await recorder.idle();
    assert.equal(texts()[0]?.length, 1024);
  });
});

describe("the budget of an object", () => {
  const happening = (message: string, name = "podinfo") => ({
    object: { ...canary, metadata: { ...canary.metadata, name } },
    type: "Normal" as const,
    reason: "Synced",
    message,
  });

  it("is spent by a flood, refills with time, and is its own", () => {
    const correlator = createCorrelator();
    const passed = (count: number, nowMs: number, name?: string): number =>
      Array.from({ length: count }, () => correlator.judge(happening("same", name), nowMs)).filter(Boolean).length;
    assert.equal(passed(60, 0), 50);
    assert.equal(passed(60, 0, "other"), 50);
    assert.equal(passed(5, 9_999), 0);
    assert.equal(passed(5, 30_000), 3);
  });
});
