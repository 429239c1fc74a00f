import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Canary, RawObject } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { isOfTheMachine, readYaml } from "./manifests.ts";

const namespace = "test";

/** As the guide has it, in Traefik's old API group. */
const ingressRoute: RawObject = {
  apiVersion: "traefik.containo.us/v1alpha1",
  kind: "IngressRoute",
  metadata: { name: "podinfo", namespace },
  spec: {
    entryPoints: ["web"],
    routes: [
      {
        match: "Host(`app.example.com`)",
        kind: "Rule",
        services: [{ name: "podinfo", kind: "TraefikService", port: 80 }],
      },
    ],
  },
};

describe("the Traefik guide", () => {
  let cluster: ReleaseCluster;
  let canary: Canary;
  let template: RawObject;

  before(async () => {
    [canary, template] = (await readYaml("test/fixtures/guides/traefik.yaml")) as [Canary, RawObject];
    cluster = await startWeirCluster();
    await cluster.addNamespace(namespace);
    const application = await readYaml("examples/gatewayapi/podinfo.yaml");
    await cluster.apply(...application.filter(({ kind }) => kind !== "Service"), ingressRoute);
    await cluster.until("podinfo serving", () => cluster.deployment(namespace)["status"]?.readyReplicas === 2);
  });
  after(() => cluster.stop());

  const apex = { labels: { "label-test": "label-test" }, annotations: { "annotation-test": "annotation-test" } };

  /** The guide's Canary with short intervals, this threshold, these of its metrics, and what the acceptance scenario has beside it. */
  function hurried(threshold: number, ...metrics: readonly string[]): Canary {
    const { analysis, service } = canary.spec;
    assert.ok(analysis?.metrics && service);
    const chosen = analysis.metrics.filter(({ name }) => metrics.includes(name));
    return {
      ...canary,
      spec: {
        ...canary.spec,
        service: { ...service, apex },
        analysis: {
          ...analysis,
          webhooks: [
            { name: "gate", type: "confirm-rollout", url: "http://flagger-loadtester.test/gate/approve" },
            ...(analysis.webhooks ?? []),
          ],
          interval: "1s",
          threshold,
          metrics: chosen.map((metric) => ({ ...metric, interval: "3s" })),
        },
      },
    };
  }

  it("TRF-1, TRF-2: bootstraps a TraefikService and promotes by the built-in checks, without a failed request", async () => {
    await cluster.apply(hurried(10, "request-success-rate", "request-duration"));
    await cluster.untilPhase(namespace, "Initialized");
    await cluster.untilTargetIsEmpty(namespace);
    const names = (key: string) => cluster.look.list(key, namespace).map(({ metadata }) => metadata.name);
    assert.deepEqual(names("deployments.apps"), ["podinfo", "podinfo-primary"]);
    assert.deepEqual(names("horizontalpodautoscalers.autoscaling"), ["podinfo", "podinfo-primary"]);
    assert.deepEqual(names("services"), ["flagger-loadtester", "podinfo", "podinfo-canary", "podinfo-primary"]);
    assert.deepEqual(names("traefikservices.traefik.io"), ["podinfo"]);
    assert.deepEqual(cluster.look.get("services", namespace, "podinfo")?.["spec"].selector, { app: "podinfo-primary" });
    const { labels, annotations } =
      cluster.look.get("traefikservices.traefik.io", namespace, "podinfo")?.metadata ?? {};
    assert.equal(labels?.["label-test"], "label-test");
    assert.equal(annotations?.["annotation-test"], "annotation-test");

    const visitors = cluster.call("http://app.example.com/", 20);
    const before = cluster.told.of(namespace).length;
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilOver(namespace);
    await cluster.untilTold(namespace, "Promotion completed!");
    await cluster.untilTargetIsEmpty(namespace);
    await visitors.stop();
    const story = cluster.told.of(namespace).slice(before);
    assert.deepEqual(
      story.filter((message) => !isOfTheMachine(message)),
      [
        "Confirm-rollout check gate passed",
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check acceptance-test passed",
        ...[5, 10, 15, 20, 25, 30, 35, 40, 45, 50].map((weight) => `Advance podinfo.test canary weight ${weight}`),
        "Copying podinfo.test template spec to podinfo-primary.test",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down podinfo.test",
      ],
    );
    assert.ok(visitors.hits.some(({ version }) => version === "6.0.1"));
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
  });

  it("takes back an image that answers errors, by success rate and by the guide's own template", async () => {
    await cluster.apply(template, hurried(3, "request-success-rate", "request-duration", "404s percentage"));
    const visitors = cluster.call("http://app.example.com/", 20);
    const before = cluster.told.of(namespace).length;
    await cluster.setImage(namespace, "6.0.2-error");
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Failed");
    await cluster.untilTold(namespace, "Canary failed!");
    await cluster.until("all traffic on the primary", () => {
      const route = cluster.look.get("traefikservices.traefik.io", namespace, "podinfo")?.["spec"].weighted.services;
      return route.every(
        ({ name, weight }: { name: string; weight: number }) => weight === 0 || name !== "podinfo-canary",
      );
    });
    const turned = Date.now();
    await cluster.untilTargetIsEmpty(namespace);
    await visitors.stop();

    const story = cluster.told.of(namespace).slice(before);
    const toldOf = (pattern: RegExp): void =>
      assert.ok(
        story.some((message) => pattern.test(message)),
        `nothing like ${pattern} in ${story.join("\n")}`,
      );
    toldOf(/^Halt podinfo\.test advancement success rate \d\d\.\d\d% < 99%$/);
    // The guide's query measures what is not a 404, so it reads 100 when all is well.
    toldOf(/^Halt podinfo\.test advancement 404s percentage 100\.00 > 5$/);
    assert.deepEqual(story.slice(-2), [
      "Rolling back podinfo.test failed checks threshold reached 3",
      "Canary failed! Scaling down podinfo.test",
    ]);
    const failed = visitors.hits.filter(({ ok }) => !ok);
    assert.deepEqual(
      failed.filter(({ outcome }) => outcome !== 500),
      [],
    );
    assert.deepEqual(
      failed.filter(({ sentAt }) => sentAt >= turned),
      [],
    );
  });
});
