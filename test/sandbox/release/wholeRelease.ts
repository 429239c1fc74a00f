import type { RawObject } from "../../../api/index.ts";
import type { ReleaseCluster } from "./cluster.ts";
import { aRelease, readYaml } from "./manifests.ts";

type Counts = Readonly<Record<string, number>>;

/**
 * A release of podinfo with the autoscaler of the example, ten steps to the promotion a second apart: what it took from the change of the
 * image until all was written that there is to write.
 */
export async function releaseInTenSteps(
  cluster: ReleaseCluster,
  namespace: string,
  count: () => Counts,
): Promise<{ readonly requests: Counts; readonly seconds: number }> {
  const scaler = (await readYaml("examples/gatewayapi/podinfo.yaml")).find(({ kind }) => kind.endsWith("Autoscaler"));
  await cluster.bootstrapTarget(namespace);
  await cluster.apply({ ...scaler, metadata: { name: "podinfo", namespace } } as RawObject);
  const autoscalerRef = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" } as const;
  await cluster.apply(aRelease(namespace, { stepWeight: 5, maxWeight: 50 }, { autoscalerRef }));
  await cluster.untilPhase(namespace, "Initialized");
  await cluster.untilTargetIsEmpty(namespace);
  const before = count();
  const begun = performance.now();
  await cluster.setImage(namespace, "6.0.1");
  await cluster.untilPhase(namespace, "Succeeded");
  await cluster.untilTargetIsEmpty(namespace);
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  await cluster.untilTold(namespace, "Promotion completed");
  return { requests: since(before, count()), seconds };
}

/** What has been added to counts. */
export function since(before: Counts, now: Counts): Counts {
  const differences = Object.entries(now).map(([what, count]) => [what, count - (before[what] ?? 0)] as const);
  return Object.fromEntries(differences.filter(([, count]) => count > 0));
}
