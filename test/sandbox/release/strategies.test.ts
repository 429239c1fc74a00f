import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Canary } from "../../../api/index.ts";
import { openBrowser } from "./clients.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, isOfTheMachine, readYaml } from "./manifests.ts";

const [old, good] = ["6.0.0", "6.0.1"];

describe("strategies behind the gateway", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  /** The events of the newest release, once it is over. */
  async function storyOf(namespace: string): Promise<readonly string[]> {
    const { status } = await cluster.untilOver(namespace);
    await cluster.untilTold(namespace, status?.phase === "Failed" ? "Canary failed!" : "Promotion completed!");
    await cluster.untilTargetIsEmpty(namespace);
    const told = cluster.told.of(namespace).filter((message) => !isOfTheMachine(message));
    return told.slice(told.findLastIndex((message) => message.startsWith("New revision detected!")));
  }

  const first = (name: string): string[] => [
    `New revision detected! Scaling up podinfo.${name}`,
    `Starting canary analysis for podinfo.${name}`,
  ];
  const last = (name: string): string[] => [
    "Routing all traffic to primary",
    `Promotion completed! Scaling down podinfo.${name}`,
  ];
  const copying = (name: string): string => `Copying podinfo.${name} template spec to podinfo-primary.${name}`;

  /** A moment at which the canary gets nobody by weight: what the clients saw in it can only come from their own rules. */
  const versionsIn = (
    replies: readonly { sentAt: number; version: string | undefined }[],
    from: number,
    to: number,
  ) => [...new Set(replies.filter(({ sentAt }) => sentAt >= from && sentAt < to).map(({ version }) => version))];

  it("GW-5: A/B, who matches by header, cookie or query meets the canary at once, and nobody else does", async () => {
    const [example] = (await readYaml("examples/gatewayapi/strategies/ab-testing.yaml")) as unknown as Canary[];
    const match = [...(example?.spec.analysis?.match ?? []), { queryParams: { preview: { exact: "yes" } } }];
    await cluster.bootstrap(aRelease("tested", { interval: "2s", iterations: 3, match }));
    const host = "tested.example.com";
    const insiders = [
      openBrowser(cluster, { host, headers: { "x-canary": "insider" } }),
      openBrowser(cluster, { host, headers: { cookie: "canary=always; theme=dark" } }),
      openBrowser(cluster, { host, path: "/?preview=yes" }),
    ];
    const others = openBrowser(cluster, { host, headers: { "x-canary": "stranger" }, path: "/?preview=no" });
    await cluster.setImage("tested", good);
    const promotion = cluster.untilPhase("tested", "Promoting").then(() => Date.now());
    await cluster.until("the test", () => cluster.routed("tested") === 100);
    // Until the gateway has taken the route over, the answer may still be the old one.
    await Promise.all(insiders.map((one) => one.until("the canary", ({ version }) => version === good)));
    const begun = Date.now();
    const promoting = await promotion;
    const story = await storyOf("tested");
    await Promise.all([others, ...insiders].map((one) => one.stop()));
    assert.deepEqual(story, [
      ...first("tested"),
      ...[1, 2, 3].map((done) => `Advance podinfo.tested canary iteration ${done}/3`),
      copying("tested"),
      ...last("tested"),
    ]);
    for (const { replies } of insiders) assert.deepEqual(versionsIn(replies, begun, promoting), [good]);
    assert.deepEqual(versionsIn(others.replies, 0, promoting), [old]);
    const all = [others, ...insiders].flatMap(({ replies }) => replies);
    assert.ok(all.every(({ status }) => status === 200));
  });

  it("blue/green: nobody meets the canary before its iterations are over, then everybody does", async () => {
    await cluster.bootstrap(aRelease("colours", { iterations: 2 }));
    const browser = openBrowser(cluster, { host: "colours.example.com" });
    const shares: (number | undefined)[] = [];
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const share = object.metadata.namespace === "colours" ? cluster.routed("colours") : undefined;
      if (share !== undefined && share !== shares.at(-1)) shares.push(share);
    });
    await cluster.setImage("colours", good);
    const story = await storyOf("colours");
    unfollow();
    await browser.stop();
    assert.deepEqual(story, [
      ...first("colours"),
      ...[1, 2].map((done) => `Advance podinfo.colours canary iteration ${done}/2`),
      "Routing all traffic to canary",
      copying("colours"),
      ...last("colours"),
    ]);
    assert.deepEqual(shares, [0, 100, 0]);
    assert.ok(browser.replies.every(({ status }) => status === 200));
  });

  it("GW-4: blue/green by a metric with an old-style threshold and a smoke test, then all at once", async () => {
    const name = "bg-test";
    await cluster.addNamespace(name);
    const query = `histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{
        kubernetes_namespace="{{ namespace }}", kubernetes_pod_name=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", path!~"healthz|readyz"
      }[{{ interval }}])) by (le)) * 1000`;
    await cluster.apply({
      apiVersion: "flagger.app/v1beta1",
      kind: "MetricTemplate",
      metadata: { name: "request-duration", namespace: name },
      spec: { provider: { type: "prometheus", address: "http://prometheus.istio-system:9090" }, query },
    });
    const cmd = `curl -sd 'anon' http://podinfo-canary.${name}:9898/token | grep token`;
    const url = `http://flagger-loadtester.${name}/`;
    await cluster.bootstrap(
      aRelease(name, {
        iterations: 5,
        threshold: 5,
        metrics: [{ name: "p99", templateRef: { name: "request-duration" }, threshold: 500, interval: "3s" }],
        webhooks: [{ name: "smoke", type: "pre-rollout", url, timeout: "15s", metadata: { type: "bash", cmd } }],
      }),
    );
    const browser = openBrowser(cluster, { host: `${name}.example.com` });
    const load = cluster.call(`http://podinfo-canary.${name}:9898/`);
    await cluster.setImage(name, good);
    const story = await storyOf(name);
    await Promise.all([browser.stop(), load.stop()]);
    assert.deepEqual(story, [
      ...first(name),
      "Pre-rollout check smoke passed",
      ...[1, 2, 3, 4, 5].map((done) => `Advance podinfo.${name} canary iteration ${done}/5`),
      "Routing all traffic to canary",
      copying(name),
      ...last(name),
    ]);
    assert.ok(browser.replies.every(({ status }) => status === 200));
  });

  const mirrored: Record<string, { analysis: Parameters<typeof aRelease>[1]; events: (name: string) => string[] }> = {
    "blue/green": {
      analysis: { iterations: 2, mirror: true },
      events: (name) => [
        ...[1, 2].map((done) => `Advance podinfo.${name} canary iteration ${done}/2`),
        "Stop traffic mirroring and route all traffic to canary",
      ],
    },
    "before the first share": {
      analysis: { mirror: true },
      events: (name) => [0, 25, 50].map((weight) => `Advance podinfo.${name} canary weight ${weight}`),
    },
  };
  for (const [way, { analysis, events }] of Object.entries(mirrored))
    it(`mirroring ${way}: the canary gets copies, and their answers go nowhere`, async () => {
      const name = way === "blue/green" ? "mirror-green" : "mirror-first";
      await cluster.bootstrap(aRelease(name, { interval: "2s", ...analysis }));
      const browser = openBrowser(cluster, { host: `${name}.example.com`, everyMs: 20 });
      await cluster.setImage(name, good);
      await cluster.until("copies", () => isMirrored(name));
      assert.equal(cluster.routed(name), 0);
      let copies = 0;
      while (copies === 0 && isMirrored(name)) {
        await browser.until("an answer", () => true);
        copies = await servedByCanary(name);
      }
      assert.ok(copies > 0, "the canary has seen no copy");
      const seen = Date.now();
      assert.ok(isMirrored(name), "its share came before its copies could be counted");
      const story = await storyOf(name);
      await browser.stop();
      assert.deepEqual(story, [...first(name), ...events(name), copying(name), ...last(name)]);
      assert.deepEqual(versionsIn(browser.replies, 0, seen), [old], "no answer of the canary came back");
      assert.ok(browser.replies.every(({ status }) => status === 200));
    });

  function isMirrored(namespace: string): boolean {
    const route = cluster.look.get("httproutes.gateway.networking.k8s.io", namespace, "podinfo");
    return JSON.stringify(route?.["spec"]).includes("RequestMirror");
  }

  /** Requests of the gateway that pods of the target have answered, by the gateway's own counters. */
  async function servedByCanary(namespace: string): Promise<number> {
    const [page] = cluster.sandbox.network.scrapeTargets();
    const lines = (await (await fetch(page?.url ?? "")).text()).split("\n");
    const labels = [
      'reporter="source"',
      'destination_workload="podinfo"',
      `destination_workload_namespace="${namespace}"`,
    ];
    return lines
      .filter((line) => line.startsWith("istio_requests_total{") && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  it("stepWeightPromotion: the way back is taken in steps as well", async () => {
    const shares: number[] = [];
    await cluster.bootstrap(aRelease("back", { stepWeight: 60, maxWeight: 60, stepWeightPromotion: 50 }));
    const visitors = cluster.visit("back.example.com");
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const share = object.metadata.namespace === "back" ? cluster.routed("back") : undefined;
      if (share !== undefined && share !== shares.at(-1)) shares.push(share);
    });
    await cluster.setImage("back", good);
    const story = await storyOf("back");
    unfollow();
    await visitors.stop();
    assert.deepEqual(story, [
      ...first("back"),
      "Advance podinfo.back canary weight 60",
      copying("back"),
      "Advance podinfo.back primary weight 90",
      "Advance podinfo.back primary weight 100",
      last("back")[1],
    ]);
    assert.deepEqual(shares, [0, 60, 10, 0]);
    assert.ok(visitors.hits.every(({ ok }) => ok));
  });
});
