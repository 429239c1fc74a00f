/**
 * What manifests/rbac.yaml grants is what Weir does, no less and no more: the requests of both processes are noted while they
 * work, and every verb of every rule has to be the one that lets some of them through.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, type RawObject } from "../../../api/index.ts";
import { inSecret } from "../../../certs/authorityStore.ts";
import { publishBundle, readPublished } from "../../../certs/publish.ts";
import { createRotation } from "../../../certs/serving.ts";
import { type Api, createApi } from "../../../controller/kube/api.ts";
import { loadKubeConfig } from "../../../controller/kube/config.ts";
import { createRecorder } from "../../../controller/kube/events.ts";
import { createTransport } from "../../../controller/kube/transport.ts";
import { isAllowedBy, type PolicyRule, type Question } from "../../../sandbox/apiserver/authorization/rules.ts";
import { createBreakGlass } from "../../../server/bypass.ts";
import { aCanary, anIndex, aReview } from "../../unit/mutators/builders.ts";
import { controllerUser, type ReleaseCluster, serverUser, startReleaseCluster } from "./cluster.ts";
import { aKnativeRelease, aKnativeService, playKnative } from "./knative.ts";
import {
  aRelease,
  aScaledObject,
  podinfoEverywhere,
  readYaml,
  scaledObjectDefinition,
  withEnvironment,
} from "./manifests.ts";
import { definitionsOf, referencesOf, sourcesOf } from "./routing.ts";

/** Granted for what no request asks the sandbox: `role: verb group/resource`. */
const unasked: readonly string[] = [
  // For clusters with the admission plugin OwnerReferencesPermissionEnforcement.
  "weir-controller: update flagger.app/canaries/finalizers",
];

const namespace = "rights";
const day = 24 * 60 * 60 * 1000;

/** One verb on one resource, as a rule of its own. */
interface Right {
  readonly name: string;
  readonly role: string;
  readonly rule: PolicyRule;
}

function rightsIn(object: RawObject): Right[] {
  return (object["rules"] as PolicyRule[]).flatMap((rule) =>
    (rule.apiGroups ?? []).flatMap((group) =>
      (rule.resources ?? []).flatMap((resource) =>
        (rule.verbs ?? []).map((verb) => ({
          name: `${object.metadata.name}: ${verb} ${group === "" ? "core" : group}/${resource}`,
          role: object.metadata.name,
          rule: { ...rule, apiGroups: [group], resources: [resource], verbs: [verb] },
        })),
      ),
    ),
  );
}

/** Providers whose kinds no release here needs: one for every kind. */
const routedProviders = [
  "apisix",
  "appmesh:v1beta2",
  "contour",
  "gloo",
  "istio",
  "kuma",
  "nginx",
  "smi:v1alpha3",
] as const;

describe("the rights of the two processes", () => {
  let cluster: ReleaseCluster;
  const asked = new Map<string, Question[]>([
    [controllerUser, []],
    [serverUser, []],
  ]);
  const refused: string[] = [];
  before(async () => {
    cluster = await startReleaseCluster({
      decided: ({ username }, question, { allowed }) => {
        asked.get(username)?.push(question);
        if (!allowed && asked.has(username)) refused.push(`${username}: ${JSON.stringify(question)}`);
      },
    });
    await workInCluster();
    await Promise.all([cluster.startServer(), cluster.startController()]);
    await Promise.all([releaseEveryWay(), releaseKnative(), releaseService(), ...routedProviders.map(initialize)]);
  });
  after(() => cluster.stop());

  /** What the server does in a pod, with its key in a Secret and the installed configurations. */
  async function workInCluster(): Promise<void> {
    const kubeconfig = await loadKubeConfig({ path: cluster.sandbox.users[serverUser] ?? "", env: {} });
    const transport = createTransport(kubeconfig, { userAgent: "weir-server/test" });
    const api = createApi(transport);
    let now = new Date();
    const rotation = createRotation({
      store: inSecret(api, "weir-system", "weir-server-tls"),
      publisher: { read: () => readPublished(api), publish: (bundle) => publishBundle(api, bundle) },
      hosts: ["weir-server.weir-system.svc"],
      now: () => now,
    });
    await rotation.settle(true);
    now = new Date(now.getTime() + 4 * 365 * day);
    await rotation.settle(true);
    await breakGlass(api);
    await transport.close();
  }

  /** One writer asks to pass twice: the event is written, and counted up. */
  async function breakGlass(api: Api): Promise<void> {
    const recorder = createRecorder({ api, component: "weir" });
    const canary = { ...aCanary(), metadata: { name: "podinfo", namespace: "default", uid: "1" } };
    const ask = createBreakGlass({ api, recorder, nowMs: () => 0 });
    const userInfo = { username: "root", groups: ["system:masters"] };
    const request = { ...aReview(null, null), userInfo };
    const bypass = { namespace: "default", canary: "podinfo" };
    for (const _time of ["first", "second"]) {
      const refusal = { kind: "refused", why: "Invalid", issues: [], bypass } as const;
      const outcome = await ask(request, refusal, anIndex([canary]), 5_000);
      assert.equal(outcome.why, "Bypassed");
    }
    await recorder.idle();
    assert.equal(recorder.counts.written, 2);
  }

  /**
   * Good releases, one of a DaemonSet, one behind the gateway with an autoscaler and a metric that needs credentials; one by Traefik
   * that fails its check again and again, which is one event that is counted up.
   */
  async function releaseEveryWay(): Promise<void> {
    const reference = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" } as const;
    const measured = (thresholdRange: object) => ({
      threshold: 2,
      alerts: [{ name: "chat", providerRef: { name: "chat", namespace } }],
      metrics: [{ name: "one", templateRef: { name: "one", namespace }, interval: "1m", thresholdRange }],
      stepWeight: 50,
    });
    const gateway = aRelease(namespace, measured({ min: 1 }), { autoscalerRef: reference });
    const keda = { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "podinfo-so" } as const;
    const traefik = aRelease("rights-traefik", measured({ max: 0 }), { provider: "traefik", autoscalerRef: keda });
    await cluster.apply(scaledObjectDefinition);
    await cluster.addNamespace("rights-traefik");
    await cluster.apply(aScaledObject("rights-traefik"), anAutoscaler("rights-traefik"));
    await cluster.addNamespace(namespace);
    await cluster.apply(...supplies());
    await Promise.all([cluster.bootstrap(gateway), cluster.bootstrap(traefik), releaseDaemons("rights-daemons")]);
    await tryDaemons();
    await Promise.all([cluster.setImage(namespace, "6.0.1"), cluster.setImage("rights-traefik", "6.0.1")]);
    await Promise.all([cluster.untilPhase(namespace, "Succeeded"), cluster.untilPhase("rights-traefik", "Failed")]);
    await cluster.apply(anAutoscaler("rights-traefik", "other"));
    await nameOtherAutoscalers("rights-traefik");
  }

  /** What the server reads to judge a Canary of the other kinds; a dry run asks the same. */
  async function tryDaemons(): Promise<void> {
    const canary = aRelease(
      namespace,
      {},
      {
        targetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name: "daemon" },
        autoscalerRef: { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "daemon" },
      },
    );
    const named = { ...canary, metadata: { ...canary.metadata, name: "daemon" } };
    await cluster.api.create(canaryResource, named, { dryRun: true });
  }

  /** Each reference that is given up takes its copy along. */
  async function nameOtherAutoscalers(space: string): Promise<void> {
    for (const [kind, name] of [
      ["HorizontalPodAutoscaler", "podinfo"],
      ["HorizontalPodAutoscaler", "other"],
    ]) {
      const autoscalerRef = { apiVersion: "autoscaling/v2", kind, name };
      await cluster.api.mergePatch(
        { resource: canaryResource, namespace: space, name: "podinfo" },
        { spec: { autoscalerRef } },
      );
      const copies = (): string[] =>
        (["horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh"] as const)
          .flatMap((key) => cluster.look.list(key, space))
          .flatMap(({ metadata }) => metadata.name ?? [])
          .filter((each) => each.endsWith("-primary"));
      await cluster.until(`the copy of ${name}`, () => copies().join() === `${name}-primary`);
    }
  }

  async function releaseDaemons(space: string): Promise<void> {
    await cluster.addNamespace(space);
    const data = { tls: "YQ==" };
    await cluster.apply(
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "settings", namespace: space },
        data: { color: "blue" },
      },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: space }, type: "Opaque", data },
    );
    await cluster.apply(
      ...(await podinfoEverywhere(space)).map((object) =>
        object.kind === "DaemonSet"
          ? withEnvironment(object, [{ configMapRef: { name: "settings" } }, { secretRef: { name: "login" } }])
          : object,
      ),
    );
    const targetRef = { apiVersion: "apps/v1", kind: "DaemonSet", name: "podinfo" } as const;
    await cluster.apply(aRelease(space, { stepWeight: 50 }, { targetRef }));
    await cluster.untilPhase(space, "Initialized");
    await cluster.setImage(space, "6.0.1", "daemonsets");
    await cluster.untilPhase(space, "Succeeded");
  }

  async function releaseKnative(): Promise<void> {
    const space = "rights-knative";
    await playKnative(cluster);
    await cluster.addNamespace(space);
    await cluster.apply(aKnativeService(space), aKnativeRelease(space, { stepWeight: 50 }));
    await cluster.untilPhase(space, "Initialized");
    await cluster.apply(aKnativeService(space, "6.0.1"));
    await cluster.untilPhase(space, "Succeeded");
  }

  async function releaseService(): Promise<void> {
    const space = "rights-service";
    await cluster.bootstrapTarget(space);
    const selector = { app: "podinfo" };
    const service = (port: number): RawObject => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "podinfo", namespace: space },
      spec: { selector, ports: [{ name: "http", port, targetPort: 9898 }] },
    });
    const targetRef = { apiVersion: "v1", kind: "Service", name: "podinfo" } as const;
    await cluster.apply(service(9898), aRelease(space, { stepWeight: 50 }, { targetRef }));
    await cluster.untilPhase(space, "Initialized");
    await cluster.apply(service(9899));
    await cluster.untilPhase(space, "Succeeded");
  }

  /** A Canary of the provider up to its first route, which is made and brought up to date like every later one. */
  async function initialize(provider: (typeof routedProviders)[number]): Promise<void> {
    const at = `rights-${provider.replace(":", "-")}`;
    const canary = aRelease(at, {}, { provider, ...referencesOf(provider) });
    await cluster.apply(...definitionsOf(provider, canary));
    await cluster.bootstrapTarget(at);
    await cluster.apply(...sourcesOf(provider, at), canary);
    await cluster.untilPhase(at, "Initialized");
  }

  function anAutoscaler(space: string, name = "podinfo"): RawObject {
    const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };
    return {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name, namespace: space },
      spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 2, metrics: [] },
    };
  }

  function supplies(): RawObject[] {
    const provider = {
      type: "prometheus",
      address: "http://prometheus.istio-system:9090",
      secretRef: { name: "login" },
    };
    return [
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "login", namespace },
        data: { username: "YQ==", password: "Yg==" },
      },
      {
        apiVersion: "flagger.app/v1beta1",
        kind: "AlertProvider",
        metadata: { name: "chat", namespace },
        spec: { type: "slack", secretRef: { name: "login" } },
      },
      {
        apiVersion: "flagger.app/v1beta1",
        kind: "MetricTemplate",
        metadata: { name: "one", namespace },
        spec: { provider, query: "vector(1)" },
      },
      anAutoscaler(namespace),
    ];
  }

  it("suffice: nothing is refused", () => {
    assert.deepEqual(refused, []);
  });

  it("are needed: without any one of them something would be refused", async () => {
    const objects = await readYaml("manifests/rbac.yaml");
    const rights = objects.filter(({ kind }) => kind === "ClusterRole" || kind === "Role").flatMap(rightsIn);
    assert.ok(rights.length > 20);
    const idle = rights.filter((right) => {
      const rest = rights.filter((each) => each !== right && each.role === right.role);
      const questions = asked.get(right.role === "weir-controller" ? controllerUser : serverUser) ?? [];
      return !questions.some(
        (question) => isAllowedBy(right.rule, question) && !rest.some(({ rule }) => isAllowedBy(rule, question)),
      );
    });
    assert.deepEqual(
      idle.map(({ name }) => name),
      unasked,
    );
  });
});
