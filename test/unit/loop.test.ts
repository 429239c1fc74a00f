import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf, type ObjectRef, type RawObject } from "../../api/index.ts";
import type { Question } from "../../controller/decide/types.ts";
import { createLogger } from "../../controller/kube/log.ts";
import { type Asker, createLoop, type LoopOptions } from "../../controller/loop.ts";
import { createMetrics } from "../../controller/metrics.ts";
import type { Caches } from "../../controller/observe/caches.ts";
import { parseSettings, type Settings } from "../../controller/settings.ts";
import { aCanary } from "./aCanary.ts";
import { fakeClock } from "./fakeClock.ts";
import { aDeployment } from "./workloads/aDeployment.ts";

/** A canary before its confirm-rollout gate, in a cluster that is a map. */
function atGate(): RawObject {
  const shop = aCanary()
    .spec({ provider: "kubernetes" })
    .analysis({ iterations: 1, webhooks: [{ name: "go", type: "confirm-rollout", url: "http://tester/" }] })
    .status({ phase: "Waiting", lastAppliedSpec: "w1:before", lastPromotedSpec: "w1:before" })
    .build();
  const canary = { ...shop, metadata: { ...shop.metadata, finalizers: ["finalizer.flagger.app"] } };
  return canary;
}

interface Asked {
  readonly question: Question;
  readonly signal: AbortSignal;
  readonly answer: (ok: boolean) => void;
}

function aLoop({ templatesSynced = true } = {}) {
  const target = aDeployment();
  const objects = new Map<string, RawObject>([
    ["Canary shop", atGate()],
    ["Deployment shop", target],
    ["Deployment shop-primary", { ...target, metadata: { ...target.metadata, name: "shop-primary" } }],
  ]);
  const asked: Asked[] = [];
  const woken: string[] = [];
  const get = (ref: ObjectRef): RawObject | undefined => objects.get(`${ref.resource.kind} ${ref.name}`);
  const asker: Asker = {
    ask: (_canary, question, signal) =>
      new Promise((resolve) => {
        const end = (ok: boolean): void => resolve({ kind: "hook", ok, message: "" });
        asked.push({ question, signal, answer: end });
        signal.addEventListener("abort", () => end(false));
      }),
    call: async () => ({ ok: true, message: "" }),
  };
  const write = async (object: RawObject): Promise<RawObject> => {
    const before = objects.get(`${object.kind} ${object.metadata.name}`);
    if (object.kind === "Canary" && before !== undefined)
      objects.set("Canary shop", { ...before, status: object["status"] });
    else objects.set(`${object.kind} ${object.metadata.name}`, object);
    return object;
  };
  const options: LoopOptions = {
    settings: parseSettings(["--selector-labels", "app"]) as Settings,
    configs: undefined,
    pods: { troubleOf: () => undefined, leave: () => undefined, forget: () => undefined },
    caches: {
      canaries: { get: () => objects.get("Canary shop") },
      controlledBy: () => [],
      templates: { hasSynced: templatesSynced },
      get,
      ready: () => true,
      follow: () => true,
      expect: () => undefined,
    } as unknown as Caches,
    api: {
      apply: (_resource: unknown, object: RawObject) => write(object),
      mergePatch: async (ref: ObjectRef) => get(ref),
    } as unknown as LoopOptions["api"],
    asker,
    recorder: {
      record: () => undefined,
      counts: { written: 0, dropped: 0, failed: 0 },
      idle: async () => undefined,
      stop: async () => undefined,
    },
    tellers: { alert: () => undefined, event: () => undefined },
    metrics: createMetrics({ version: "0", meshProvider: "kubernetes" }),
    log: createLogger({ level: "error", write: () => undefined }),
    clock: fakeClock(),
    wakeAfter: (key, ms) => ms === 0 && woken.push(key),
  };
  const loop = createLoop(options);
  const pass = (): Promise<void> => loop.pass("demo/shop", new AbortController().signal);
  const statusOf = (): string => String(fieldsOf(objects.get("Canary shop")?.["status"])["phase"]);
  return { loop, pass, asked, woken, objects, statusOf };
}

test("a hook that hangs holds up no worker, is asked once, and its answer is taken when it comes", async () => {
  const { pass, asked, woken, statusOf, loop } = aLoop();
  for (let times = 0; times < 3; times++) await pass();
  assert.equal(asked.length, 1);
  assert.equal(asked[0]?.question.kind, "hook");
  asked[0]?.answer(true);
  while (woken.length === 0) await Promise.resolve();
  await pass();
  assert.equal(statusOf(), "Progressing");
  await loop.stop();
});

test("a canary that is deleted while its hook hangs goes on at once, and the end of the process ends the call", async () => {
  const { pass, asked, objects, statusOf, loop } = aLoop();
  await pass();
  const canary = objects.get("Canary shop");
  assert.ok(canary);
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  objects.set("Canary shop", { ...canary, metadata: { ...canary.metadata, deletionTimestamp } });
  await pass();
  assert.match(statusOf(), /^Terminat/);
  await loop.stop();
  assert.equal(asked[0]?.signal.aborted, true);
});

test("nothing is measured before the templates of metrics are known: a restart must not look like a failed check", async () => {
  const { pass, asked } = aLoop({ templatesSynced: false });
  await pass();
  assert.equal(asked.length, 0);
});
