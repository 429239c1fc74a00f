import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, before, describe, it } from "node:test";
import { ApiError, type KubeObject } from "../../sandbox/apiserver/types.ts";
import type { Endpoint, EndpointSlice } from "../../sandbox/controllers/endpoints.ts";
import type { ContainerStatus, DeploymentStatus, Pod } from "../../sandbox/controllers/kinds.ts";
import { conditionOf } from "../../sandbox/controllers/metadata.ts";
import { aDeployment, aService, aTemplate, startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

const SLICES = "endpointslices.discovery.k8s.io";

let cluster: WorkloadCluster;

before(async () => {
  cluster = await startWorkloadCluster();
  await cluster.addNode("node-a", { "topology.kubernetes.io/zone": "zone-a" });
});
after(() => cluster.stop());

describe("a Deployment from its creation to traffic", () => {
  it("serves HTTP at every ready endpoint of its Service", async () => {
    const { api } = cluster;
    await api.create("services", aService("web"));
    await api.create("deployments.apps", aDeployment("web", "ghcr.io/stefanprodan/podinfo:6.0.0", 3));
    const endpoints = await cluster.until(() => ready("web", 3), "three ready endpoints");
    const versions = await Promise.all(
      endpoints.map(async ({ addresses }) => (await get(addresses[0], "/version")).body),
    );
    assert.deepEqual(
      versions.map((text) => (JSON.parse(text) as { version: string }).version),
      ["6.0.0", "6.0.0", "6.0.0"],
    );
    assert.equal(endpoints[0]?.zone, "zone-a");
    assert.equal(new Set(endpoints.map(({ addresses }) => addresses[0])).size, 3, "each pod has its own address");
  });

  it("answers without a gap and cuts no request while it rolls", async () => {
    const { api } = cluster;
    const slow = ready("web", 3)?.[0]?.addresses[0];
    const inFlight = get(slow, "/delay/0.3");
    const image = { spec: { template: aTemplate("web", "ghcr.io/stefanprodan/podinfo:6.0.1") } };
    await api.patch("deployments.apps", "test", "web", "merge", image);
    const codes = new Set<number>();
    await cluster.until(() => {
      const endpoint = ready("web")?.[0];
      if (endpoint === undefined) return assert.fail("a moment without ready endpoints");
      void get(endpoint.addresses[0], "/").then(({ code }) => codes.add(code));
      const status = api.get("deployments.apps", "test", "web")?.["status"];
      return status.updatedReplicas === 3 && status.availableReplicas === 3 && status.replicas === 3;
    }, "the rollout");
    assert.equal((await inFlight).code, 200);
    assert.deepEqual([...codes], [200]);
  });

  it("shows its pods as terminating before they stop listening", async () => {
    const { api } = cluster;
    const address = ready("web", 3)?.[0]?.addresses[0];
    await api.patch("deployments.apps", "test", "web", "merge", { spec: { replicas: 0 } }, "scale");
    const endpoints = await cluster.until(() => {
      const all = endpointsOf("web");
      return all.length > 0 && all.every(({ conditions }) => conditions.terminating) ? all : undefined;
    }, "terminating endpoints");
    assert.deepEqual(endpoints[0]?.conditions, { ready: false, serving: true, terminating: true });
    const answer = await get(address, "/");
    assert.equal(answer.code, 200, "the pod still serves");
    assert.equal(answer.connection, "close", "and asks its clients to leave");
    await cluster.until(() => api.list("pods", "test").length === 0, "the pods to be gone");
    await assert.rejects(get(address, "/"), /ECONNREFUSED/);
  });

  it("tells what it did in events", async () => {
    const events = await cluster.until(() => {
      const all = cluster.api.list("events", "test");
      const about = (kind: string): string[] => all.filter((event) => event["involvedObject"].kind === kind).map(title);
      const pods = about("Pod").join(" ");
      return /Killing/.test(pods) ? { deployments: about("Deployment"), sets: about("ReplicaSet"), pods } : undefined;
    }, "events");
    assert.match(events.deployments[0] ?? "", /^ScalingReplicaSet: Scaled up replica set web-\w+ from 0 to 3$/);
    assert.match(events.sets[0] ?? "", /^SuccessfulCreate: Created pod: web-\w+-\w+$/);
    for (const reason of ["Scheduled", "Pulling", "Pulled", "Created", "Started"])
      assert.match(events.pods, new RegExp(reason));
  });
});

describe("endpoints", () => {
  it("name the number behind a port's name and mirror the Service's labels", async () => {
    const { api } = cluster;
    const ports = [
      { name: "http", port: 80, targetPort: "http-metrics" },
      { name: "plain", port: 81, targetPort: 9898 },
      { name: "absent", port: 82, targetPort: "nope" },
    ];
    const service = aService("ports", { ports, clusterIP: "None" });
    service.metadata.labels = { team: "web" };
    await api.create("services", service);
    await api.create("deployments.apps", aDeployment("ports", "podinfo:6.0.0", 1));
    await cluster.until(() => ready("ports", 1), "an endpoint");
    const [slice] = slicesOf("ports");
    assert.deepEqual(slice?.ports, [
      { name: "http", protocol: "TCP", port: 9797 },
      { name: "plain", protocol: "TCP", port: 9898 },
    ]);
    assert.equal(slice?.metadata.labels?.["team"], "web");
    assert.equal(slice?.metadata.labels?.["service.kubernetes.io/headless"], "");
  });

  it("are there in the old form as well", () => {
    const { subsets } = cluster.api.get("endpoints", "test", "ports") ?? assert.fail("no Endpoints");
    assert.equal(subsets.length, 1);
    assert.deepEqual(
      subsets[0].ports.map(({ port }: { port: number }) => port),
      [9797, 9898],
    );
    assert.equal(subsets[0].addresses[0].ip, endpointsOf("ports")[0]?.addresses[0]);
  });

  it("are gone with a pod that is deleted by force and not replaced", async () => {
    const { api } = cluster;
    await api.create("services", aService("bare"));
    const { metadata, spec } = aTemplate("bare", "podinfo:6.0.0") as Pick<Pod, "metadata" | "spec">;
    const named = { ...metadata, name: "bare", namespace: "test" };
    await api.create("pods", { apiVersion: "v1", kind: "Pod", metadata: named, spec });
    await cluster.until(() => ready("bare", 1), "the endpoint");
    // The controller looks again at what it has just written; only after that it has no other reason to look.
    for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await api.delete("pods", "test", "bare", { gracePeriodSeconds: 0 });
    await cluster.until(() => endpointsOf("bare").length === 0, "no endpoint");
  });

  it("follow a change of the Service's selector", async () => {
    const { api } = cluster;
    await api.create("deployments.apps", aDeployment("other", "podinfo:6.0.0", 1));
    await cluster.until(() => podsOf("other").find(isReady), "the other pod");
    await api.patch("services", "test", "ports", "merge", { spec: { selector: { app: "other" } } });
    const name = podsOf("other")[0]?.metadata.name;
    await cluster.until(() => ready("ports", 1)?.[0]?.targetRef.name === name, "the other endpoint");
  });

  it("stay when the selector is taken away", async () => {
    await cluster.api.patch("services", "test", "ports", "merge", { spec: { selector: null } });
    await cluster.api.delete("deployments.apps", "test", "other", { propagationPolicy: "Background" });
    await cluster.until(() => podsOf("other").length === 0, "the pods to go");
    // Nobody looks after it any more, and what is left of its Endpoints is mirrored beside it, as the recording shows.
    const keepers = slicesOf("ports").map(
      ({ metadata }) => metadata.labels?.["endpointslice.kubernetes.io/managed-by"],
    );
    assert.deepEqual(keepers.toSorted(), [
      "endpointslice-controller.k8s.io",
      "endpointslicemirroring-controller.k8s.io",
    ]);
    for (const slice of slicesOf("ports")) assert.equal(slice.endpoints?.length, 1);
  });
});

describe("ReplicaSets", () => {
  it("release a pod that loses its label, and replace it", async () => {
    const { api } = cluster;
    await api.create("deployments.apps", aDeployment("owned", "podinfo:6.0.0", 1));
    const pod = await cluster.until(() => podsOf("owned").find(isReady), "the pod");
    await api.patch("pods", "test", pod.metadata.name ?? "", "merge", { metadata: { labels: { app: "released" } } });
    await cluster.until(() => podsOf("owned").find(isReady), "another pod");
    assert.equal(podsOf("released")[0]?.metadata.ownerReferences, undefined);
  });

  it("outlive a Deployment that orphans them, and are adopted by its successor", async () => {
    const { api } = cluster;
    const before = podsOf("owned").map(({ metadata }) => metadata.uid);
    await api.delete("deployments.apps", "test", "owned", { propagationPolicy: "Orphan" });
    await cluster.until(() => api.get("deployments.apps", "test", "owned") === undefined, "the Deployment to go");
    await api.create("deployments.apps", aDeployment("owned", "podinfo:6.0.0", 1));
    await cluster.until(
      () => api.get("deployments.apps", "test", "owned")?.["status"].availableReplicas === 1,
      "adoption",
    );
    assert.deepEqual(
      podsOf("owned").map(({ metadata }) => metadata.uid),
      before,
    );
    await api.delete("pods", "test", podsOf("released")[0]?.metadata.name ?? "");
  });

  it("say why they can't create pods, and go on when they can (as recorded in deployment-replica-failure.json)", async () => {
    const { api } = cluster;
    const message = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1';
    cluster.podCreation.refused = new ApiError(403, "Forbidden", message);
    await api.create("deployments.apps", aDeployment("refused", "podinfo:6.0.0", 1));
    const status = (): DeploymentStatus => api.get("deployments.apps", "test", "refused")?.["status"] ?? {};
    const failure = await cluster.until(() => conditionOf(status().conditions, "ReplicaFailure"), "the condition");
    assert.deepEqual([failure.status, failure.reason, failure.message], ["True", "FailedCreate", message]);
    const events = await cluster.until(() => {
      const found = api.list("events", "test").filter(({ reason }) => reason === "FailedCreate");
      return found.length > 0 && found;
    }, "the event");
    assert.equal(events[0]?.["message"], `Error creating: ${message}`);
    cluster.podCreation.refused = undefined;
    await cluster.until(() => status().availableReplicas === 1, "the pod");
    assert.equal(conditionOf(status().conditions, "ReplicaFailure"), undefined);
  });
});

describe("pods that do not come up", () => {
  const cases = [
    {
      name: "an image that is not there",
      image: "podinfo:not-found",
      waiting: "ImagePullBackOff",
      message: /^Back-off pulling image "podinfo:not-found": ErrImagePull: rpc error: code = NotFound/,
      phase: "Pending",
    },
    {
      name: "an unknown registry",
      image: "registry.invalid/podinfo:1",
      waiting: "ImagePullBackOff",
      message: /lookup registry\.invalid: no such host/,
      phase: "Pending",
    },
    {
      name: "no image name",
      image: "Pod Info",
      waiting: "InvalidImageName",
      message: /couldn't parse image name "Pod Info"/,
      phase: "Pending",
    },
    {
      name: "a container that crashes",
      image: "podinfo:6.0.1-crash",
      waiting: "CrashLoopBackOff",
      message: /^back-off \d+s restarting failed container=podinfod pod=bad-\d-\w+-\w+_test\(/,
      phase: "Running",
    },
    {
      name: "a Secret that is missing",
      image: "podinfo:6.0.1",
      container: { env: [{ name: "KEY", valueFrom: { secretKeyRef: { name: "absent", key: "k" } } }] },
      waiting: "CreateContainerConfigError",
      message: /^secret "absent" not found$/,
      phase: "Pending",
    },
  ];
  for (const [index, { name, image, container = {}, waiting, message, phase }] of cases.entries()) {
    it(`say so: ${name}`, async () => {
      const app = `bad-${index}`;
      const template = aTemplate(app, image, container);
      await cluster.api.create("deployments.apps", aDeployment(app, image, 1, { template }));
      const status = await cluster.until(() => {
        const [pod] = podsOf(app);
        const [found] = pod?.status?.containerStatuses ?? [];
        return found?.state.waiting?.reason === waiting ? { ...found, phase: pod?.status?.phase } : undefined;
      }, waiting);
      assert.match(status.state.waiting?.message ?? "", message);
      assert.equal(status.phase, phase);
      assert.equal(status.ready, false);
      await cluster.api.delete("deployments.apps", "test", app, { propagationPolicy: "Background" });
    });
  }
});

describe("a node whose writes fail", () => {
  it("reports and removes its pods later", async () => {
    const { api, nodeWrites } = cluster;
    nodeWrites.failing = 1;
    await api.create("deployments.apps", aDeployment("flaky", "podinfo:6.0.0", 1));
    await cluster.until(() => nodeWrites.failing === 0 && podsOf("flaky").find(isReady), "the pod");
    const [pod] = podsOf("flaky");
    await api.patch("deployments.apps", "test", "flaky", "merge", { spec: { replicas: 0 } }, "scale");
    await cluster.until(() => podsOf("flaky")[0]?.metadata.deletionTimestamp, "the deletion");
    nodeWrites.failing = 2;
    await cluster.until(() => podsOf("flaky").length === 0, `${pod?.metadata.name} to go`);
    assert.equal(nodeWrites.failing, 0);
  });
});

describe("volumes", () => {
  it("keep a pod from starting until their ConfigMap is there", async () => {
    const { api } = cluster;
    const template = aTemplate("mounting", "podinfo:6.0.1");
    Object.assign(template["spec"] as object, { volumes: [{ name: "config", configMap: { name: "settings" } }] });
    await api.create("deployments.apps", aDeployment("mounting", "", 1, { template }));
    await cluster.until(() => api.list("events", "test").find(({ reason }) => reason === "FailedMount"), "the event");
    const [status] = podsOf("mounting")[0]?.status?.containerStatuses ?? [];
    assert.equal(status?.state.waiting?.reason, "ContainerCreating");
    const metadata = { name: "settings", namespace: "test" };
    await api.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata });
    await cluster.until(() => podsOf("mounting").find(isReady), "the pod");
  });
});

describe("probes", () => {
  it("keep a pod unready until its readiness probe succeeds", async () => {
    const readinessProbe = { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 1, failureThreshold: 1 };
    const template = aTemplate("probed", "podinfo:6.0.1-fail-readiness", { readinessProbe });
    await cluster.api.create("deployments.apps", aDeployment("probed", "", 1, { template }));
    const address = await cluster.until(() => {
      const event = cluster.api.list("events", "test").find(({ reason }) => reason === "Unhealthy");
      return event?.["message"] === "Readiness probe failed: HTTP probe failed with statuscode: 503"
        ? podsOf("probed")[0]?.status?.podIP
        : undefined;
    }, "a failed probe");
    assert.equal(podsOf("probed").some(isReady), false);
    await get(address, "/readyz/enable");
    await cluster.until(() => podsOf("probed").find(isReady), "the pod to turn ready");
  });

  it("restart a container whose liveness probe fails", async () => {
    const livenessProbe = { httpGet: { path: "/healthz", port: 9898 }, periodSeconds: 1, failureThreshold: 1 };
    const template = aTemplate("lively", "podinfo:6.0.1-fail-liveness", { livenessProbe });
    await cluster.api.create("deployments.apps", aDeployment("lively", "", 1, { template }));
    const status = await cluster.until<ContainerStatus>(() => {
      const [found] = podsOf("lively")[0]?.status?.containerStatuses ?? [];
      return (found?.restartCount ?? 0) > 0 ? found : undefined;
    }, "a restart");
    assert.equal(status.lastState.terminated?.reason, "Completed");
    await cluster.api.delete("deployments.apps", "test", "lively", { propagationPolicy: "Background" });
  });

  it("hold back readiness until the startup probe succeeds", async () => {
    const container = {
      startupProbe: { exec: { command: ["podcli", "check", "http", "localhost:9898/healthz"] }, periodSeconds: 1 },
      readinessProbe: { tcpSocket: { port: 9797 }, periodSeconds: 1 },
    };
    const template = aTemplate("starting", "podinfo:6.0.1", container);
    await cluster.api.create("deployments.apps", aDeployment("starting", "", 1, { template }));
    const pod = await cluster.until(() => podsOf("starting").find(isReady), "readiness");
    assert.equal(pod.status?.containerStatuses?.[0]?.started, true);
  });
});

describe("containers", () => {
  it("see the values of ConfigMaps and of their pod", async () => {
    await cluster.api.create("configmaps", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "texts", namespace: "test" },
      data: { greeting: "hello" },
    });
    const env = [
      { name: "WHO", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "GREETING", valueFrom: { configMapKeyRef: { name: "texts", key: "greeting" } } },
      { name: "PODINFO_UI_MESSAGE", value: "$(GREETING) from $(WHO)" },
    ];
    const template = aTemplate("greeter", "podinfo:6.0.1", { env });
    await cluster.api.create("deployments.apps", aDeployment("greeter", "", 1, { template }));
    const pod = await cluster.until(() => podsOf("greeter").find(isReady), "the pod");
    const { body } = await get(pod.status?.podIP, "/");
    assert.equal((JSON.parse(body) as { message: string }).message, "hello from test");
  });

  it("leave logs", () => {
    const [pod] = podsOf("greeter");
    const text = cluster.nodes[0]?.podLog(pod as KubeObject, undefined, new URLSearchParams({ tailLines: "1" }));
    assert.match(text ?? "", /^Starting podinfo 6\.0\.1 on 9898, 9797\n$/);
    assert.equal(cluster.nodes[0]?.podLog(pod as KubeObject, "nope", new URLSearchParams()), undefined);
  });

  it("end as their command says when the pod isn't restarted", async () => {
    const pod = (name: string, script: string): KubeObject => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "test" },
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "main", image: "busybox", command: ["sh", "-c", script] }],
      },
    });
    await cluster.api.create("pods", pod("good", "echo hello; sleep 0.01"));
    await cluster.api.create("pods", pod("poor", "exit 3"));
    await cluster.until(() => phase("good") === "Succeeded" && phase("poor") === "Failed", "both pods to end");
    const [status] = (cluster.api.get("pods", "test", "poor") as Pod).status?.containerStatuses ?? [];
    assert.equal(status?.state.terminated?.exitCode, 3);
  });
});

function slicesOf(service: string): EndpointSlice[] {
  const slices = cluster.api.list(SLICES, "test") as EndpointSlice[];
  return slices.filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service);
}

function endpointsOf(service: string): Endpoint[] {
  return slicesOf(service).flatMap(({ endpoints }) => endpoints ?? []);
}

/** The ready endpoints when there are as many as asked for. */
function ready(service: string, count?: number): Endpoint[] | undefined {
  const found = endpointsOf(service).filter(({ conditions }) => conditions.ready);
  return count === undefined || found.length === count ? found : undefined;
}

function podsOf(app: string): Pod[] {
  return (cluster.api.list("pods", "test") as Pod[]).filter(({ metadata }) => metadata.labels?.["app"] === app);
}

function phase(pod: string): string | undefined {
  return (cluster.api.get("pods", "test", pod) as Pod).status?.phase;
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

function title(event: KubeObject): string {
  return `${event["reason"]}: ${event["message"]}`;
}

/** Offers to keep connections, and keeps none. */
const agent = new Agent({ keepAlive: true, maxFreeSockets: 0 });

function get(address: string | undefined, path: string): Promise<{ code: number; body: string; connection: string }> {
  const at = cluster.network.locate(address ?? "", 9898);
  return new Promise((resolve, reject) => {
    const call = request({ ...at, path, agent, timeout: 3000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        resolve({ code: response.statusCode ?? 0, body, connection: response.headers.connection ?? "" });
      });
    });
    call.on("error", reject);
    call.end();
  });
}
