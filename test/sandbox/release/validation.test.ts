/** Validation as people meet it: a server, no controller, objects in the cluster, and an unmodified kubectl. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  alertProviderResource,
  type Canary,
  canaryResource,
  messageOf,
  metricTemplateResource,
  type RawObject,
} from "../../../api/index.ts";
import { findProgram, run } from "../../cluster/program.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, resourceOf } from "./manifests.ts";

const kubectl = findProgram("kubectl");
const namespace = "checked";
const scaler = (target: string): RawObject => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "podinfo", namespace },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target },
    minReplicas: 1,
    maxReplicas: 2,
    metrics: [],
  },
});
const autoscalerRef = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" } as const;

const ours = (kind: string, name: string, spec: object): RawObject => ({
  apiVersion: "flagger.app/v1beta1",
  kind,
  metadata: { name, namespace },
  spec: { ...spec },
});
const template = ours("MetricTemplate", "latency", {
  provider: { type: "prometheus", address: "http://prometheus:9090" },
  query: "up{side='{{ variables.side }}'}",
});
const provider = ours("AlertProvider", "team", { type: "slack", address: "https://hooks.example" });

describe("validation on a cluster", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    await cluster.addNamespace(namespace);
    await cluster.apply(...(await podinfo(namespace, { replicas: 0 })), template, provider, scaler("elsewhere"));
    // Started last, it knows all of this from its first list.
    await cluster.startServer();
  });
  after(() => cluster.stop());

  const checks = (templateVariables: Readonly<Record<string, string>>) => ({
    metrics: [{ name: "latency", thresholdRange: { max: 1 }, templateRef: { name: "latency" }, templateVariables }],
    alerts: [{ name: "team", providerRef: { name: "team" } }],
  });
  const wrong: Canary = aRelease(
    namespace,
    { ...checks({}), interval: "soon", stepWeight: 60, webhooks: [{ name: "gate", url: "gate" }] },
    { provider: "traefik", autoscalerRef },
  );

  it("kubectl apply of a Canary with many mistakes prints all of them", { skip: kubectl === undefined }, async () => {
    const { stderr, exit } = await run({
      program: kubectl ?? "",
      args: ["apply", "-f", "-"],
      env: { KUBECONFIG: cluster.sandbox.kubeconfigPath, HOME: cluster.sandbox.folder },
      input: JSON.stringify(wrong),
    });
    assert.equal(exit, 1);
    assert.match(stderr, /^The Canary "podinfo" is invalid:/);
    for (const line of [
      'spec.analysis.interval: Invalid value: "soon": write a duration such as 30s, 5m or 1m30s',
      "spec.analysis.stepWeight: Invalid value: 60: stepWeight must not be above maxWeight: lower stepWeight or raise maxWeight",
      'spec.analysis.webhooks[0].url: Invalid value: "gate": url must start with http:// or https://',
      "spec.analysis.metrics[0].templateVariables: Required value: MetricTemplate latency reads side: set them",
      'spec.autoscalerRef.name: Invalid value: "podinfo": it scales Deployment elsewhere, not Deployment podinfo: refer to the autoscaler of the target',
    ]) {
      assert.ok(stderr.includes(line), `${line}\nis not in\n${stderr}`);
    }
    assert.equal(cluster.look.get("canaries.flagger.app", namespace, "podinfo"), undefined);
  });

  it("the same Canary without them is accepted, and its port is looked up in the Deployment", async () => {
    await cluster.apply(scaler("podinfo"));
    const right = aRelease(namespace, checks({ side: "a" }), { autoscalerRef });
    const { service } = right.spec;
    const elsewhere = { ...right, spec: { ...right.spec, service: { ...service, port: 80, targetPort: 4711 } } };
    assert.match(
      (await cluster.apply(elsewhere)).join("\n"),
      /no container of Deployment podinfo has port 4711 \(service\.targetPort\): it has 9898/,
    );
    assert.deepEqual(await cluster.apply(right), []);
  });

  /** The server's watch may lag behind the write: once it refuses a twin, it knows the Canary. */
  async function untilServerKnows(): Promise<void> {
    const canary = aRelease(namespace);
    const twin = { ...canary, metadata: { ...canary.metadata, name: "twin" } };
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const known = await cluster.api.create(canaryResource, twin, { dryRun: true }).then(
        () => false,
        (error: unknown) => /already releases this Deployment/.test(messageOf(error)),
      );
      if (known) return;
    }
    assert.fail("the server does not know the Canary");
  }

  it("whoever deletes the target, a template or a provider is told which Canary needs it, and may", async () => {
    await untilServerKnows();
    const [deployment] = (await podinfo(namespace)) as [RawObject];
    const told = async (resource: { group: string; version: string; plural: string }, name: string) => {
      const path = `/apis/${resource.group}/${resource.version}/namespaces/${namespace}/${resource.plural}/${name}`;
      return (await cluster.transport.request({ method: "DELETE", path })).warnings;
    };
    assert.match((await told(metricTemplateResource, "latency"))[0] ?? "", /is used by Canaries podinfo: their checks/);
    assert.match((await told(alertProviderResource, "team"))[0] ?? "", /is used by Canaries podinfo: their alerts/);
    assert.match(
      (await told(resourceOf(deployment), "podinfo"))[0] ?? "",
      /Canary podinfo begins with this Deployment/,
    );
    assert.equal(cluster.look.get("metrictemplates.flagger.app", namespace, "latency"), undefined);
  });
});
