import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { statusOf } from "../../sandbox/apiserver/status.ts";
import { ApiError, type KubeObject } from "../../sandbox/apiserver/types.ts";
import { aWrite, createBench, resourceNamed, startWebhookServer, type WebhookServer } from "./webhookBench.ts";

const folder = new URL("../../../shared/kube/webhooks/", import.meta.url);
const skip = existsSync(folder) ? false : "the recordings of webhooks are not beside this repository";

interface RecordedStep {
  readonly note: string;
  readonly configuration?: { kind?: string; failurePolicy?: string; timeoutSeconds?: number };
  readonly matchConditions?: string[];
  readonly failurePolicy?: string;
  readonly http?: {
    method: string;
    path: string;
    query?: Record<string, string>;
    body: KubeObject;
    response: { status: number; body: Record<string, unknown> };
  }[];
  readonly reviews?: { webhook: string; response: Record<string, unknown> }[];
}

function stepsOf(scenario: string): RecordedStep[] {
  if (skip !== false) return [];
  return (JSON.parse(readFileSync(new URL(`${scenario}.json`, folder), "utf8")) as { steps: RecordedStep[] }).steps;
}

/** Creations of a Deployment about which exactly one webhook was asked, or none. */
function creations(scenario: string): RecordedStep[] {
  return stepsOf(scenario).filter(
    ({ http = [], reviews = [] }) =>
      http.length === 1 && http[0]?.method === "POST" && http[0].path.endsWith("/deployments") && reviews.length <= 1,
  );
}

const uid = /\{\{uid:\d+\}\}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value)
      .replace(uid, "UID")
      .replace(/127\.0\.0\.1:\d+/g, "HOST"),
  );
}

describe("webhook answers have the recorded consequences", { skip }, () => {
  let server: WebhookServer;
  before(async () => {
    server = await startWebhookServer();
  });
  after(async () => await server.stop());

  /** Lets the webhook say what it said, and returns the refusal, if any, as the body of the HTTP answer. */
  async function consequence(step: RecordedStep, kind: "Mutating" | "Validating", failurePolicy: string) {
    const bench = createBench();
    const [review] = step.reviews ?? [];
    server.respond = (request) => answered(review?.response ?? {}, request.uid);
    const conditions = (step.matchConditions ?? []).map((expression, at) => ({ name: `c${at}`, expression }));
    const name = /webhook \\?"([^"\\]+)/.exec(JSON.stringify(step.http?.[0]?.response))?.[1] ?? "mc.example.com";
    bench.configure(kind, "recorded", {
      name,
      clientConfig: { url: `${server.url}${review?.webhook ?? "/c/x"}`, caBundle: server.caBundle },
      rules: [{ operations: ["*"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] }],
      failurePolicy,
      matchConditions: conditions,
      timeoutSeconds: step.configuration?.timeoutSeconds ?? 10,
      sideEffects: "None",
    });
    const body = step.http?.[0]?.body as KubeObject;
    const object = { ...body, metadata: { ...body.metadata, namespace: "test" } };
    const dryRun = step.http?.[0]?.query?.["dryRun"] === "All";
    const write = aWrite({ object, dryRun, resource: resourceNamed("deployments") });
    try {
      await (kind === "Mutating" ? bench.mutate(write) : bench.validate(write));
      return undefined;
    } catch (error) {
      assert.ok(error instanceof ApiError, String(error));
      return statusOf(error);
    } finally {
      bench.admission.stop();
    }
  }

  function answered(recorded: Record<string, unknown>, requestUid: string) {
    if ("httpStatus" in recorded) {
      const text = String(recorded["text"]).replace(/\{\{uid:\d+\}\}/, requestUid);
      return { status: Number(recorded["httpStatus"]), text };
    }
    const own = (recorded["response"] ?? recorded) as { uid?: string };
    const text = JSON.stringify(recorded);
    const foreign = /another request/.test(current);
    return { status: 200, text: own.uid === undefined || foreign ? text : text.replaceAll(own.uid, requestUid) };
  }

  let current = "";

  const elsewhere = /becomes -1|becomes a string/;
  const transport = /HTTP (5|4|204|201)/;
  const scenarios: [string, "Mutating" | "Validating", (step: RecordedStep) => boolean][] = [
    ["deny", "Mutating", () => true],
    ["bad-answers", "Mutating", (step) => !elsewhere.test(step.note)],
    ["bad-answers-validating", "Validating", () => true],
    ["match-conditions", "Mutating", () => true],
    ["transport-failures", "Mutating", ({ note }) => transport.test(note) && !/429|validating/.test(note)],
  ];
  for (const [scenario, kind, chosen] of scenarios) {
    for (const step of creations(scenario).filter(chosen)) {
      it(`${scenario}: ${step.note}`, async () => {
        current = step.note;
        const policy = step.failurePolicy ?? (step.note.startsWith("Ignore") ? "Ignore" : "Fail");
        const calls = server.heads.length;
        const refusal = await consequence(step, kind, policy);
        const recorded = step.http?.[0]?.response;
        assert.deepEqual(comparable(refusal ?? {}), comparable((recorded?.status ?? 0) < 400 ? {} : recorded?.body));
        assert.equal(server.heads.length - calls, step.reviews?.length ?? 0);
      });
    }
  }
});
