import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Agent, request as send } from "undici";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer, KubeObject } from "../../sandbox/apiserver/types.ts";
import { Bindings } from "./recording.ts";
import { startWebhookServer, type WebhookServer } from "./webhookBench.ts";

const folder = new URL("../../../shared/kube/webhooks/", import.meta.url);
const skip = existsSync(folder) ? false : "the recordings of webhooks are not beside this repository";

interface Review {
  readonly webhook: string;
  readonly request: Record<string, unknown>;
  readonly response: { readonly response: Record<string, unknown> };
}

interface Exchange {
  readonly method: "POST" | "PATCH" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Record<string, string | string[]>;
  readonly contentType?: string;
  readonly body?: unknown;
  readonly response: { readonly status: number; readonly body?: { omitted?: boolean } };
}

interface ScenarioStep {
  readonly note?: string;
  readonly command?: string;
  readonly http?: readonly Exchange[];
  readonly reviews?: readonly Review[];
  readonly info?: string;
  readonly value?: KubeObject;
}

interface Scenario {
  readonly namespace: string;
  readonly configurations?: readonly KubeObject[];
  readonly steps: readonly ScenarioStep[];
}

/** Scenarios in which no controller had a hand, so that everything can be compared. */
const scenarios = [
  "mutating-order",
  "namespace-selector",
  "dry-run-and-side-effects",
  "custom-resource-mutated",
  "defaulting-after-mutation",
];

const admin = { username: "admin", groups: ["system:masters", "system:authenticated"] };

describe("writes pass webhooks as recorded, from request to answer", { skip }, () => {
  let hook: WebhookServer;
  before(async () => {
    hook = await startWebhookServer();
  });
  after(async () => await hook.stop());

  for (const name of scenarios) {
    it(name, async () => {
      const scenario = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as Scenario;
      const api = await startApiServer({ log: () => undefined });
      const agent = new Agent({ connect: { ca: api.ca } });
      try {
        await prepare(api, scenario);
        const bindings = new Bindings();
        const problems: string[] = [];
        for (const step of scenario.steps) {
          problems.push(...(await play(api, agent, step, bindings)).map((problem) => `${step.note}: ${problem}`));
        }
        assert.deepEqual(problems, []);
      } finally {
        await agent.close();
        await api.stop();
      }
    });
  }

  async function prepare(api: ApiServer, { namespace, configurations = [], steps }: Scenario): Promise<void> {
    const client = api.as(admin);
    await client.create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    for (const { value } of steps) {
      if (value?.kind !== "CustomResourceDefinition") continue;
      await client.create("customresourcedefinitions.apiextensions.k8s.io", value);
    }
    for (const configuration of configurations) {
      const text = JSON.stringify(configuration)
        .replaceAll("https://127.0.0.1:9443", hook.url)
        .replaceAll("(base64 CA)", hook.caBundle);
      await client.create(`${configuration.kind.toLowerCase()}s.admissionregistration.k8s.io`, JSON.parse(text));
    }
  }

  /** Makes the requests of a step while the webhooks answer as they did; returns what came out differently. */
  async function play(api: ApiServer, agent: Agent, step: ScenarioStep, bindings: Bindings): Promise<string[]> {
    const expected = [...(step.reviews ?? [])];
    const problems: string[] = [];
    hook.respond = (asked, path) => {
      const at = expected.findIndex(({ webhook }) => webhook === path);
      const [review] = at < 0 ? [] : expected.splice(at, 1);
      if (review === undefined) {
        problems.push(`${path} was called`);
        return { response: { allowed: true } };
      }
      const { userInfo: _, uid: _uid, object, oldObject, ...rest } = review.request;
      const { userInfo: _actual, uid: _actualUid, object: actualObject, oldObject: actualOld, ...actual } = asked;
      problems.push(...bindings.differences(rest, actual, "review"));
      if (object !== "(omitted)") problems.push(...bindings.differences(object, actualObject, "review.object"));
      if (oldObject !== "(omitted)") problems.push(...bindings.differences(oldObject, actualOld, "review.oldObject"));
      const { uid: _answered, patchDecoded: _decoded, ...response } = review.response.response;
      return { response };
    };
    for (const exchange of step.http ?? []) problems.push(...(await perform(api, agent, step, exchange, bindings)));
    return [...problems, ...expected.map(({ webhook }) => `${webhook} was not called`)];
  }

  async function perform(
    api: ApiServer,
    agent: Agent,
    step: ScenarioStep,
    exchange: Exchange,
    bindings: Bindings,
  ): Promise<string[]> {
    const config = JSON.parse(api.kubeconfig("admin")) as { users: { user: { token: string } }[] };
    const answer = await send(`${api.url}${bindings.fill(exchange.path)}`, {
      method: exchange.method,
      query: exchange.query ?? {},
      headers: {
        authorization: `Bearer ${config.users[0]?.user.token}`,
        "user-agent": step.command === undefined ? "example-client/1" : "kubectl/v1.36.4",
        "content-type": exchange.contentType ?? "application/json",
      },
      body: exchange.body === undefined ? null : bindings.fill(JSON.stringify(exchange.body)),
      dispatcher: agent,
    });
    const text = await answer.body.text();
    const { status, body } = exchange.response;
    if (answer.statusCode !== status) return [`status: want ${status}, got ${answer.statusCode} ${text}`];
    return body === undefined || body.omitted === true ? [] : bindings.differences(body, JSON.parse(text), "body");
  }
});
