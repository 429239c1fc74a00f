import assert from "node:assert/strict";
import { test } from "node:test";
import request from "supertest";
import type { RawObject } from "../../api/index.ts";
import { createLineWriter, createLogger } from "../../controller/kube/log.ts";
import type { Index, Mutator } from "../../mutators/types.ts";
import { createApp } from "../../server/app.ts";
import { largestBodyBytes } from "../../server/body.ts";
import { createMetrics } from "../../server/metrics.ts";
import { routes } from "../../server/routes.ts";
import { aCanary, aDeployment, anIndex } from "../unit/mutators/builders.ts";
import { memoryStream } from "./memoryStream.ts";

interface AppParts {
  readonly index?: Index | null;
  readonly routes?: ReadonlyMap<string, Mutator>;
  readonly mostInFlight?: number;
  readonly draining?: boolean;
}

function anApp(parts: AppParts = {}) {
  const logged = memoryStream();
  const metrics = createMetrics();
  const index = parts.index === undefined ? anIndex([aCanary()]) : (parts.index ?? undefined);
  const app = createApp({
    routes: parts.routes ?? routes,
    index: () => index,
    log: createLogger({ level: "debug", write: createLineWriter(logged.stream).write }),
    metrics,
    mostInFlight: parts.mostInFlight ?? 10,
    draining: () => parts.draining === true,
  });
  return { app, metrics, logged };
}

function review(object: RawObject | null, oldObject: RawObject | null, parts: object = {}) {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "7",
      kind: { group: "apps", version: "v1", kind: "Deployment" },
      name: "podinfo",
      namespace: "demo",
      operation: "UPDATE",
      userInfo: { username: "jane", groups: [] },
      object,
      oldObject,
      dryRun: false,
      ...parts,
    },
  };
}

const path = "/mutate/deployments";
const changed = review(aDeployment({ image: "podinfo:6.0.1" }), aDeployment());

test("a change of a target is answered with patch, patchType and a warning", async () => {
  const { body, status } = await request(anApp().app).post(path).send(changed);
  assert.equal(status, 200);
  assert.equal(body.apiVersion, "admission.k8s.io/v1");
  assert.equal(body.kind, "AdmissionReview");
  const { uid, allowed, patchType, patch, warnings, auditAnnotations } = body.response;
  assert.deepEqual({ uid, allowed, patchType }, { uid: "7", allowed: true, patchType: "JSONPatch" });
  assert.ok(Array.isArray(JSON.parse(Buffer.from(patch, "base64").toString())));
  assert.match(warnings[0], /^Weir: podinfo will be released/);
  assert.deepEqual(auditAnnotations, { outcome: "RevisionStamped" });
});

test("no change means neither patch nor patchType", async () => {
  const { body } = await request(anApp().app).post(path).send(review(aDeployment(), aDeployment()));
  assert.deepEqual(body.response, { uid: "7", allowed: true, auditAnnotations: { outcome: "Unchanged" } });
});

test("a refusal is 200 with code 422, reason Invalid and causes", async () => {
  const canary = {
    ...aCanary(),
    spec: { ...aCanary().spec, analysis: { interval: "x", threshold: 1, stepWeight: 0 } },
  };
  const kind = { group: "flagger.app", version: "v1beta1", kind: "Canary" };
  const { body, status } = await request(anApp().app)
    .post("/mutate/canaries")
    .send(review(canary, null, { kind, operation: "CREATE" }));
  assert.equal(status, 200);
  assert.equal(body.response.allowed, false);
  assert.equal(body.response.status.code, 422);
  assert.equal(body.response.status.reason, "Invalid");
  assert.deepEqual(body.response.status.details, {
    name: "podinfo",
    group: "flagger.app",
    kind: "Canary",
    causes: [
      {
        reason: "FieldValueInvalid",
        field: "spec.analysis.interval",
        message: 'Invalid value: "x": write a duration such as 30s, 5m or 1m30s',
      },
      {
        reason: "FieldValueInvalid",
        field: "spec.analysis.stepWeight",
        message: "Invalid value: 0: spec.analysis.stepWeight in body should be greater than or equal to 1",
      },
    ],
  });
});

test("a mistake of ours is HTTP 500, logged with its cause and told without it", async () => {
  const broken: Mutator = () => {
    throw new Error("a secret of the inside");
  };
  const { app, logged } = anApp({ routes: new Map([[path, broken]]) });
  const { body, status } = await request(app).post(path).send(changed);
  assert.equal(status, 500);
  assert.deepEqual(body, { error: "internal error" });
  assert.match(logged.text(), /a secret of the inside/);
});

test("a patch that does not apply never leaves", async () => {
  const broken: Mutator = () => ({
    kind: "patched",
    why: "RevisionStamped",
    warnings: [],
    patch: [{ op: "remove", path: "/spec/nothing" }],
  });
  const { status } = await request(anApp({ routes: new Map([[path, broken]]) }).app)
    .post(path)
    .send(changed);
  assert.equal(status, 500);
});

const httpErrors: readonly {
  readonly when: string;
  readonly status: number;
  readonly send: (app: ReturnType<typeof anApp>["app"]) => request.Test;
}[] = [
  { when: "the path is unknown", status: 404, send: (app) => request(app).post("/mutate/pods").send({}) },
  { when: "the method is not POST", status: 405, send: (app) => request(app).get(path) },
  {
    when: "the body is no JSON by its type",
    status: 415,
    send: (app) => request(app).post(path).type("text/plain").send("x"),
  },
  {
    when: "the body is compressed",
    status: 415,
    send: (app) => request(app).post(path).set("Content-Encoding", "gzip").send({}),
  },
  { when: "the body is no JSON in fact", status: 400, send: (app) => request(app).post(path).type("json").send("{") },
  { when: "the body is no review", status: 400, send: (app) => request(app).post(path).send({ kind: "Pod" }) },
  {
    when: "the review has no request",
    status: 400,
    send: (app) =>
      request(app)
        .post(path)
        .send({ ...changed, request: null }),
  },
];
for (const { when, status, send } of httpErrors) {
  test(`the answer is ${status}, in JSON, when ${when}`, async () => {
    const answer = await send(anApp().app);
    assert.equal(answer.status, status);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(typeof answer.body.error, "string");
  });
}

test("a body of 7 MiB is read, one byte more is refused", async () => {
  const filled = (bytes: number) => {
    const text = JSON.stringify(changed);
    return text + " ".repeat(bytes - Buffer.byteLength(text));
  };
  const post = (text: string) => request(anApp().app).post(path).type("json").send(text);
  assert.equal((await post(filled(largestBodyBytes))).status, 200);
  assert.equal((await post(filled(largestBodyBytes + 1))).status, 413);
});

test("before the caches are complete, and with too much in flight, the answer is 503", async () => {
  const early = await request(anApp({ index: null }).app)
    .post(path)
    .send(changed);
  const crowded = await request(anApp({ mostInFlight: 0 }).app)
    .post(path)
    .send(changed);
  assert.deepEqual([early.status, crowded.status], [503, 503]);
  assert.equal(crowded.headers["retry-after"], "1");
});

test("while draining, every answer asks the caller to connect elsewhere", async () => {
  const { headers } = await request(anApp({ draining: true }).app)
    .post(path)
    .send(changed);
  assert.equal(headers["connection"], "close");
});

test("reviews are counted by path, kind, operation, outcome and reason, and by no name", async () => {
  const { app, metrics } = anApp();
  await request(app).post(path).send(changed);
  await request(app).post("/anything/at/all").send(changed);
  const invented = { operation: "podinfo", kind: { group: "", version: "v1", kind: "jane" } };
  await request(app)
    .post(path)
    .send(review(null, null, invented));
  const text = await metrics.render();
  assert.match(
    text,
    /weir_admission_seconds_count\{path="\/mutate\/deployments",kind="Deployment",operation="UPDATE",outcome="patched",reason="RevisionStamped"\} 1/,
  );
  assert.match(text, /kind="other",operation="other"/);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);
  assert.match(text, /weir_admission_failures_total\{path="other",status="404"\} 1/);
  assert.doesNotMatch(text, /podinfo|jane/);
});

test("prototype keys in a body do nothing", async () => {
  const hostile = JSON.stringify(changed).replace('"uid":"7"', '"uid":"7","__proto__":{"polluted":true}');
  const { status } = await request(anApp().app).post(path).type("json").send(hostile);
  assert.equal(status, 200);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});
