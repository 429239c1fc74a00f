import { join } from "node:path";
import type { RawObject } from "../../api/index.ts";
import { fieldsOf } from "../../api/index.ts";
import { readObject } from "../../examples/demo/cluster.ts";
import { type Stack, startStack } from "../../examples/demo/stack.ts";
import { startWatcher, type Watcher } from "../../examples/demo/watcher.ts";

const examples = join(import.meta.dirname, "..", "..", "examples", "gatewayapi");
const releases = 10;

/** From the answer to a change of the image to the canary's scale-up being written, release after release. */
export async function measureReaction(print: (line: Record<string, string | number>) => void): Promise<void> {
  const stack = await startStack({ progress: () => undefined });
  try {
    const watcher = startWatcher(stack.cluster, "test", "podinfo");
    await bootstrap(stack, watcher);
    const reactions: number[] = [];
    for (let release = 1; release <= releases; release += 1) {
      reactions.push(await react(stack, watcher, `6.0.${release}`));
      await watcher.until("the release's end", ({ phase }) => phase === "Succeeded", 30_000);
      await watcher.until("the target going to zero", ({ targetReplicas }) => targetReplicas === 0, 30_000);
    }
    await watcher.stop();
    reactions.sort((a, b) => a - b);
    const at = (share: number): number => reactions[Math.min(releases - 1, Math.floor(releases * share))] ?? Number.NaN;
    print({ bench: "reaction", releases, medianMs: at(0.5), p99Ms: at(0.99) });
  } finally {
    await stack.stop();
  }
}

/** A Canary without analysis: what is measured is how a release begins. */
async function bootstrap({ cluster }: Stack, watcher: Watcher): Promise<void> {
  await cluster.applyFile(join(examples, "gateway.yaml"));
  await cluster.applyFile(join(examples, "podinfo.yaml"));
  const canary = await readObject(join(examples, "canary.yaml"));
  const { webhooks: _webhooks, ...analysis } = fieldsOf(fieldsOf(canary["spec"])["analysis"]);
  const spec = {
    ...fieldsOf(canary["spec"]),
    skipAnalysis: true,
    analysis: { ...analysis, interval: "1s", metrics: [] },
  };
  await cluster.apply({ ...canary, spec } as RawObject);
  await watcher.until("the canary being initialized", ({ phase }) => phase === "Initialized", 30_000);
  await watcher.until("the target going to zero", ({ targetReplicas }) => targetReplicas === 0, 15_000);
}

async function react({ cluster }: Stack, watcher: Watcher, tag: string): Promise<number> {
  const containers = [{ name: "podinfod", image: `stefanprodan/podinfo:${tag}` }];
  await cluster.transport.request({
    method: "PATCH",
    path: "/apis/apps/v1/namespaces/test/deployments/podinfo",
    contentType: "application/strategic-merge-patch+json",
    query: { fieldManager: "kubectl-set" },
    body: { spec: { template: { spec: { containers } } } },
  });
  const answeredAt = Date.now();
  const scaledAt = await watcher.until("the canary's scale-up", ({ targetReplicas }) => targetReplicas > 0, 10_000);
  return Math.max(0, scaledAt - answeredAt);
}
