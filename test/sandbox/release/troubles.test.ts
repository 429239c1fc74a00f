import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { RawObject, Resource } from "../../../api/index.ts";
import { startWebhookServer } from "../webhookBench.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, withImage } from "./manifests.ts";

const deployments: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const noQuota = "exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4";

/** Why a release cannot start is told in the pod's own words: at once while it is waited for, and in the end. */
describe("a revision whose pods are in trouble", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
    await refusePods();
  });
  after(() => cluster.stop());

  /** A quota that is used up, for pods of one image. */
  async function refusePods(): Promise<void> {
    const server = await startWebhookServer();
    cluster.atEnd.push(() => server.stop());
    server.respond = ({ object }) => {
      const isOver = JSON.stringify(object).includes("podinfo:6.0.1-over-quota");
      return { response: isOver ? { allowed: false, status: { code: 403, message: noQuota } } : { allowed: true } };
    };
    const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
    await cluster.apply({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "quota" },
      webhooks: [
        {
          name: "quota.example.com",
          clientConfig: { url: server.url, caBundle: server.caBundle },
          rules: [rule],
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
        },
      ],
    } as RawObject);
  }

  const inPod = (fields: object) => ({ spec: { template: { spec: fields } } });
  const troubles: Record<string, { readonly change: object; readonly reason: RegExp }> = {
    unpulled: {
      change: withImage("1.0.0-not-found"),
      reason: /ImagePullBackOff: container podinfod cannot pull stefanprodan\/podinfo:1\.0\.0-not-found$/,
    },
    crashing: {
      change: withImage("6.0.1-crash"),
      reason: /CrashLoopBackOff: container podinfod exits with code 1 \(Error\)$/,
    },
    refused: {
      change: withImage("6.0.1-over-quota"),
      reason: new RegExp(`FailedCreate: admission webhook "quota\\.example\\.com" denied the request: ${noQuota}$`),
    },
    unplaced: {
      change: inPod({ nodeSelector: { disk: "none" } }),
      reason: /Unschedulable: 0\/1 nodes are available: /,
    },
  };
  for (const [namespace, { change, reason }] of Object.entries(troubles))
    it(`is told why before the deadline, and fails with the same reason: ${namespace}`, async (context) => {
      await cluster.bootstrap(aRelease(namespace, {}, { progressDeadlineSeconds: 8 }));
      const visitors = cluster.visit(`${namespace}.example.com`);
      const begun = Date.now();
      await cluster.transport.request({
        method: "PATCH",
        path: `/apis/apps/v1/namespaces/${namespace}/${deployments.plural}/podinfo`,
        contentType: "application/strategic-merge-patch+json",
        body: change,
      });
      await cluster.until("the reason", () => cluster.told.of(namespace).find((text) => reason.test(text)));
      context.diagnostic(`told after ${Date.now() - begun} ms`);
      const { phase, conditions } = cluster.canary(namespace).status ?? {};
      assert.equal(phase, "Progressing");
      assert.match(conditions?.find(({ type }) => type === "Reconciling")?.message ?? "", reason);
      await cluster.untilPhase(namespace, "Failed");
      await cluster.untilTold(namespace, "Canary failed!");
      await cluster.untilTargetIsEmpty(namespace);
      await visitors.stop();
      const story = cluster.told.of(namespace);
      assert.match(story.at(-2) ?? "", reason);
      // How many pods there are may change meanwhile; nothing is told again and again.
      const waits = story.slice(0, -2).filter((text) => reason.test(text));
      assert.ok(waits.length <= 2 && new Set(waits).size === waits.length, story.join("\n"));
      const promoted = cluster.canary(namespace).status?.conditions?.find(({ type }) => type === "Promoted");
      assert.match(promoted?.message ?? "", reason);
      assert.deepEqual([...new Set(visitors.hits.map(({ version }) => version))], ["6.0.0"]);
    });
});
