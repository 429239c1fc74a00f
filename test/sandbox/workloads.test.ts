import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import { type Controllers, startControllers } from "../../sandbox/controllers/start.ts";
import { type Node, startNode } from "../../sandbox/node/kubelet.ts";
import { createPodNetwork } from "../../sandbox/node/podNetwork.ts";
import { MemoryApi } from "./memoryApi.ts";

describe("a Deployment from its creation to traffic", () => {
  const api = new MemoryApi();
  const network = createPodNetwork();
  let controllers: Controllers;
  let node: Node;

  before(async () => {
    controllers = startControllers({
      client: () => api,
      log: (message, values) => process.stderr.write(`${message} ${JSON.stringify(values)}\n`),
    });
    node = startNode({ client: api, name: "node-a", network, lameDuckMs: 20 });
    await node.registered;
  });
  after(async () => {
    await controllers.stop();
    await node.stop();
    await network.close();
  });

  it("serves HTTP through its endpoints", async () => {
    const started = performance.now();
    await api.create("services", service("podinfo"));
    await api.create("deployments.apps", deployment("podinfo", "ghcr.io/stefanprodan/podinfo:6.0.0", 3));
    const slice = await api.until(
      () =>
        api
          .list("endpointslices.discovery.k8s.io")
          .find(
            ({ endpoints }) =>
              endpoints?.length === 3 && endpoints.every((e: { conditions: { ready: boolean } }) => e.conditions.ready),
          ),
      "three ready endpoints",
    );
    const { addresses } = slice["endpoints"][0];
    const { host, port } = network.locate(addresses[0], slice["ports"][0].port);
    const answer = await fetch(`http://${host}:${port}/version`);
    assert.equal(((await answer.json()) as { version: string }).version, "6.0.0");
  });
});

function service(name: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "test" },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  };
}

function deployment(name: string, image: string, replicas: number): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "test", labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      progressDeadlineSeconds: 60,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          restartPolicy: "Always",
          terminationGracePeriodSeconds: 30,
          containers: [{ name: "podinfod", image, ports: [{ name: "http", containerPort: 9898, protocol: "TCP" }] }],
        },
      },
    },
  };
}
