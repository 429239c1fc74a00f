import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fieldsOf, itemsOf, numberOf } from "../../api/index.ts";
import { readObject, resources } from "./cluster.ts";
import type { Stack } from "./stack.ts";
import type { Hit, Traffic } from "./traffic.ts";
import { startTraffic } from "./traffic.ts";
import type { Watcher } from "./watcher.ts";

/** What the demo tells while it goes on; the views turn it into lines, a picture, or JSON. */
export interface Narrator {
  chapter(title: string): void;
  note(text: string): void;
}

export interface Summary {
  readonly promoted: boolean;
  readonly rolledBack: boolean;
  readonly requests: number;
  readonly failedRequests: { readonly good: number; readonly bad: number; readonly afterRollback: number };
  /** From the answer to the image change to the canary's scale-up being written. */
  readonly reactionMs: number;
  readonly seconds: number;
}

export interface Outcome {
  readonly summary: Summary;
  /** What differs from what should happen; empty when all is well. */
  readonly problems: readonly string[];
}

const folder = join(import.meta.dirname, "..", "gatewayapi");
const image = { first: "6.0.0", good: "6.0.1", bad: "6.0.2-error" };
/** Milliseconds between two requests: of visitors through the gateway, and of callers inside the cluster. */
const visitorEveryMs = 20;
const insideEveryMs = 80;
/** How long to look after the rollback, in milliseconds: the target drains and goes meanwhile. */
const aftermathMs = 4_000;
/** Traffic before the first release, so that the metrics system has met the gateway. */
const ordinaryMs = 2_000;
const reactionLimitMs = 250;

/** One good release and one bad one, under steady traffic from the first moment to the last. */
export async function tell(stack: Stack, watcher: Watcher, narrator: Narrator, traffic: Traffic[]): Promise<Outcome> {
  const started = Date.now();
  narrator.chapter("bootstrap");
  await bootstrap(stack, watcher, narrator, traffic);

  narrator.chapter("a good release");
  narrator.note(`kubectl -n test set image deployment/podinfo podinfod=stefanprodan/podinfo:${image.good}`);
  const reactionMs = await setImage(stack, watcher, narrator, image.good);
  await watcher.until(
    "the end of the good release",
    ({ phase }) => phase === "Succeeded" || phase === "Failed",
    60_000,
  );
  const promoted = watcher.state.phase === "Succeeded";
  const goodUntil = Date.now();

  narrator.chapter("a bad release: half of its answers are errors");
  narrator.note(`kubectl -n test set image deployment/podinfo podinfod=stefanprodan/podinfo:${image.bad}`);
  await setImage(stack, watcher, narrator, image.bad);
  await watcher.until(
    "the end of the bad release",
    ({ phase, routed }) => (phase === "Failed" && routed === 0) || phase === "Succeeded",
    60_000,
  );
  const rolledBack = watcher.state.phase === "Failed";
  const badUntil = Date.now();
  narrator.note("everybody is back on the primary; watching what comes after");
  await watcher.until("the target going to zero", ({ targetReplicas }) => targetReplicas === 0, 15_000);
  await delay(aftermathMs);

  await Promise.all(traffic.map((each) => each.stop()));
  const hits = traffic.flatMap((each) => each.hits);
  const failed = hits.filter((hit) => !hit.ok);
  const between = (from: number, to: number): Hit[] => failed.filter((hit) => hit.sentAt >= from && hit.sentAt < to);
  const summary: Summary = {
    promoted,
    rolledBack,
    requests: hits.length,
    failedRequests: {
      good: between(0, goodUntil).length,
      bad: between(goodUntil, badUntil).length,
      afterRollback: between(badUntil, Number.POSITIVE_INFINITY).length,
    },
    reactionMs,
    seconds: Math.round((Date.now() - started) / 100) / 10,
  };
  return { summary, problems: judge(summary, between(goodUntil, badUntil), hits) };
}

async function bootstrap(stack: Stack, watcher: Watcher, narrator: Narrator, traffic: Traffic[]): Promise<void> {
  const { cluster } = stack;
  for (const file of ["gateway.yaml", "podinfo.yaml", "metric-templates.yaml"])
    await cluster.applyFile(join(folder, file));
  await watcher.until("podinfo being available", ({ targetAvailable }) => targetAvailable === 2, 20_000);
  narrator.note("podinfo runs; callers inside the cluster use http://podinfo.test:9898/ from now on");
  traffic.push(
    startTraffic({
      url: "http://podinfo.test:9898/",
      proxy: stack.proxyUrl,
      host: "podinfo.test:9898",
      everyMs: insideEveryMs,
    }),
  );
  for (const warning of await cluster.apply(await readObject(join(folder, "canary.yaml"))))
    narrator.note(`Warning: ${warning}`);
  await watcher.until("the canary being initialized", ({ phase }) => phase === "Initialized", 30_000);
  await watcher.until("the route", ({ routed }) => routed === 0, 5_000);
  const gateway = await gatewayUrl(stack);
  narrator.note(`visitors come through the gateway: curl -H 'Host: www.example.com' ${gateway}`);
  traffic.push(startTraffic({ url: gateway, host: "www.example.com", everyMs: visitorEveryMs }));
  await watcher.until("the target going to zero", ({ targetReplicas }) => targetReplicas === 0, 15_000);
  narrator.note("a moment of ordinary traffic");
  await delay(ordinaryMs);
}

async function gatewayUrl(stack: Stack): Promise<string> {
  const service = await stack.cluster.api.get({
    resource: resources.services,
    namespace: "istio-ingress",
    name: "gateway-istio",
  });
  const ingress = itemsOf(fieldsOf(fieldsOf(service?.["status"])["loadBalancer"])["ingress"])[0];
  const port = numberOf(itemsOf(ingress?.["ports"])[0]?.["port"]);
  if (port === undefined) throw new Error("the gateway has no address");
  return `http://127.0.0.1:${port}/`;
}

/** Changes the image as `kubectl set image` does. Answers how long the controller took to write the scale-up. */
async function setImage(stack: Stack, watcher: Watcher, narrator: Narrator, tag: string): Promise<number> {
  const warnings: string[] = [];
  const { body } = await stack.cluster.transport
    .request({
      method: "PATCH",
      path: "/apis/apps/v1/namespaces/test/deployments/podinfo",
      contentType: "application/strategic-merge-patch+json",
      query: { fieldManager: "kubectl-set" },
      body: {
        spec: { template: { spec: { containers: [{ name: "podinfod", image: `stefanprodan/podinfo:${tag}` }] } } },
      },
    })
    .then((answer) => {
      warnings.push(...answer.warnings);
      return answer;
    });
  const answeredAt = Date.now();
  for (const warning of warnings) narrator.note(`Warning: ${warning}`);
  if (fieldsOf(body)["kind"] !== "Deployment") throw new Error("the image was not changed");
  const scaledAt = await watcher.until("the canary's scale-up", ({ targetReplicas }) => targetReplicas > 0, 10_000);
  return Math.max(0, scaledAt - answeredAt);
}

function judge(summary: Summary, badFailures: readonly Hit[], hits: readonly Hit[]): string[] {
  const { failedRequests } = summary;
  const problems: string[] = [];
  if (!summary.promoted) problems.push("the good release was not promoted");
  if (!summary.rolledBack) problems.push("the bad release was not taken back");
  if (failedRequests.good > 0)
    problems.push(`${failedRequests.good} requests failed in the good release: ${outcomes(hits)}`);
  if (failedRequests.afterRollback > 0)
    problems.push(`${failedRequests.afterRollback} requests failed after the rollback`);
  if (failedRequests.bad === 0) problems.push("the bad release harmed nobody: was it released at all?");
  const others = badFailures.filter((hit) => hit.outcome !== 500);
  if (others.length > 0)
    problems.push(`in the bad release requests failed for other reasons than the bad version: ${outcomes(others)}`);
  if (summary.reactionMs > reactionLimitMs)
    problems.push(`the reaction took ${summary.reactionMs} ms, more than ${reactionLimitMs}`);
  return problems;
}

function outcomes(hits: readonly Hit[]): string {
  return [...new Set(hits.filter((hit) => !hit.ok).map((hit) => String(hit.outcome)))].join(", ");
}
