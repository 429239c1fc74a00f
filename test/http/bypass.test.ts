import assert from "node:assert/strict";
import { test } from "node:test";
import send from "supertest";
import { interceptions, type RawObject } from "../../api/index.ts";
import type { Happening } from "../../controller/kube/events.ts";
import { createLogger } from "../../controller/kube/log.ts";
import { nothingSeen } from "../../mutators/surroundings.ts";
import type { Outcome } from "../../mutators/types.ts";
import { createApp } from "../../server/app.ts";
import { createBreakGlass } from "../../server/bypass.ts";
import { createMetrics } from "../../server/metrics.ts";
import { aCanary, anIndex, aReview } from "../unit/mutators/builders.ts";

const index = anIndex([aCanary()]);
const bypass = { namespace: "demo", canary: "podinfo" };
const refusal: Outcome = { kind: "refused", why: "Invalid", issues: [], bypass, audit: { fields: "spec" } };
const userInfo = { username: "jane", groups: ["sre"], uid: "7", extra: { scopes: ["all"] } };
const request = { ...aReview(null, null, { name: "podinfo-primary" }), userInfo, dryRun: false };

function aGlass(answer: () => object) {
  const asked: RawObject[] = [];
  const events: Happening[] = [];
  const time = { ms: 0 };
  const breakGlass = createBreakGlass({
    api: {
      async create(_resource, object) {
        asked.push(object);
        return { ...object, status: answer() };
      },
    },
    recorder: { record: (happening) => void events.push(happening) },
    nowMs: () => time.ms,
  });
  return { asked, events, time, breakGlass };
}

test("whoever may bypass the Canary gets through, and is seen", async () => {
  const { asked, events, breakGlass } = aGlass(() => ({ allowed: true }));
  const outcome = await breakGlass(request, refusal, index, 1_000);
  assert.deepEqual(outcome, {
    kind: "untouched",
    why: "Bypassed",
    warnings: ["Weir: let through by your right to bypass canary podinfo"],
    audit: { canary: "demo/podinfo", fields: "spec" },
  });
  assert.deepEqual(asked[0]?.["spec"], {
    user: "jane",
    groups: ["sre"],
    uid: "7",
    extra: { scopes: ["all"] },
    resourceAttributes: {
      group: "flagger.app",
      resource: "canaries",
      verb: "bypass",
      namespace: "demo",
      name: "podinfo",
    },
  });
  assert.deepEqual(
    events.map(({ reason, type, message }) => ({ reason, type, message })),
    [
      {
        reason: "Bypassed",
        type: "Warning",
        message: "jane wrote Deployment podinfo-primary past the protection of canary podinfo",
      },
    ],
  );
});

test("a dry run is answered alike and leaves no event", async () => {
  const { events, breakGlass } = aGlass(() => ({ allowed: true }));
  assert.equal((await breakGlass({ ...request, dryRun: true }, refusal, index, 1_000)).why, "Bypassed");
  assert.deepEqual(events, []);
});

const stays: Readonly<Record<string, () => object>> = {
  "the API server says no": () => ({ allowed: false }),
  "it says nothing": () => ({}),
  "it says something else than true": () => ({ allowed: "true" }),
  "it does not answer": () => {
    throw new Error("unreachable");
  },
};
for (const [name, answer] of Object.entries(stays)) {
  test(`the refusal stays when ${name}`, async () => {
    assert.equal(await aGlass(answer).breakGlass(request, refusal, index, 1_000), refusal);
  });
}

test("nobody is asked about a refusal that stands for no Canary", async () => {
  const { asked, breakGlass } = aGlass(() => ({ allowed: true }));
  const firm: Outcome = { kind: "refused", why: "Invalid", issues: [] };
  assert.equal(await breakGlass(request, firm, index, 1_000), firm);
  assert.equal(asked.length, 0);
});

test("an answer is kept for ten seconds, for this user and Canary, and failures are not kept", async () => {
  let reachable = false;
  const { asked, time, breakGlass } = aGlass(() => {
    if (!reachable) throw new Error("unreachable");
    return { allowed: true };
  });
  await breakGlass(request, refusal, index, 1_000);
  reachable = true;
  await breakGlass(request, refusal, index, 1_000);
  await breakGlass(request, refusal, index, 1_000);
  assert.equal(asked.length, 2);
  await breakGlass({ ...request, userInfo: { username: "joe" } }, refusal, index, 1_000);
  assert.equal(asked.length, 3);
  time.ms = 10_000;
  await breakGlass(request, refusal, index, 1_000);
  assert.equal(asked.length, 4);
});

test("a refusal goes out over HTTP, and is let through for whoever may bypass", async () => {
  for (const [allowed, why] of [
    [false, refusal.why],
    [true, "Bypassed"],
  ] as const) {
    const { asked, breakGlass } = aGlass(() => ({ allowed }));
    const app = createApp({
      routes: new Map([["/mutate/deployments", () => refusal]]),
      index: () => index,
      breakGlass,
      log: createLogger({ level: "error", write: () => undefined }),
      metrics: createMetrics(),
      mostInFlight: 1,
      draining: () => false,
    });
    const { body, status } = await send(app)
      .post("/mutate/deployments")
      .send({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
    assert.equal(status, 200);
    assert.equal(body.response.allowed, allowed);
    assert.equal(body.response.auditAnnotations.outcome, why);
    assert.equal(asked.length, 1);
    assert.match(JSON.stringify(asked), /"user":"jane"/);
  }
});

test("what is asked while a review waits is asked within what is left of its time", async () => {
  const given: number[] = [];
  const app = createApp({
    routes: new Map([["/mutate/deployments", () => refusal]]),
    index: () => index,
    lookAround(_request, timeoutMs) {
      given.push(timeoutMs);
      return new Promise((resolve) => setTimeout(() => resolve({ ...nothingSeen }), 50));
    },
    async breakGlass(_request, outcome, _index, timeoutMs) {
      given.push(timeoutMs);
      return outcome;
    },
    log: createLogger({ level: "error", write: () => undefined }),
    metrics: createMetrics(),
    mostInFlight: 1,
    draining: () => false,
  });
  await send(app)
    .post("/mutate/deployments")
    .send({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
  const [first = Number.NaN, second = Number.NaN] = given;
  const shortestTimeoutMs = Math.min(...interceptions.map(({ timeoutSeconds }) => timeoutSeconds)) * 1_000;
  assert.ok(first < shortestTimeoutMs, `${first} ms`);
  assert.ok(second <= first - 49, `${first} ms, then ${second} ms`);
});
