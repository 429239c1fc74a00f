import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { type Canary, type CanarySpec, fieldsOf, itemsOf, type RawObject, type Resource } from "../../../api/index.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** The objects of a YAML file, named from the repository's root. */
export async function readYaml(file: string): Promise<RawObject[]> {
  const documents = loadAll(await readFile(join(root, file), "utf8")) as (RawObject | null)[];
  return documents.filter((object) => object !== null);
}

/** The resource that serves an object. */
export function resourceOf({ apiVersion, kind }: RawObject): Resource {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const singular = kind.toLowerCase();
  const plural = singular.replace(/([^aeiou])y$/, "$1ie").replace(/s$/, "se");
  return { group, version, kind, plural: `${plural}s` };
}

/** The Deployment of examples/gatewayapi, with its Service, for another namespace. */
export async function podinfo(namespace: string, spec: Readonly<Record<string, unknown>> = {}): Promise<RawObject[]> {
  const objects = await readYaml("examples/gatewayapi/podinfo.yaml");
  return objects
    .filter(({ kind }) => kind !== "HorizontalPodAutoscaler")
    .map((object): RawObject => {
      const metadata = { ...object.metadata, namespace };
      return object.kind === "Deployment"
        ? { ...object, metadata, spec: { ...fieldsOf(object["spec"]), ...spec } }
        : { ...object, metadata };
    });
}

/** The same as a DaemonSet. */
export async function podinfoEverywhere(namespace: string): Promise<RawObject[]> {
  return (await podinfo(namespace)).map((object) => {
    if (object.kind !== "Deployment") return object;
    const { replicas: _replicas, strategy: _strategy, progressDeadlineSeconds: _, ...spec } = fieldsOf(object["spec"]);
    return { ...object, kind: "DaemonSet", spec };
  });
}

/** A workload whose containers take their environment from there as well. */
export function withEnvironment(workload: RawObject, envFrom: readonly object[]): RawObject {
  const spec = fieldsOf(workload["spec"]);
  const template = fieldsOf(spec["template"]);
  const pod = fieldsOf(template["spec"]);
  const containers = itemsOf(pod["containers"]).map((container) => ({ ...container, envFrom }));
  return { ...workload, spec: { ...spec, template: { ...template, spec: { ...pod, containers } } } };
}

/** A strategic merge patch of podinfo's image. */
export function withImage(tag: string): object {
  return { spec: { template: { spec: { containers: [{ name: "podinfod", image: `stefanprodan/podinfo:${tag}` }] } } } };
}

/** Events that depend on the machine the test runs on: how soon pods are ready and numbers there, and how fast it answers. */
export function isOfTheMachine(message: string): boolean {
  return /not ready: waiting|no values found|advancement (request duration|latency) /.test(message);
}

type Analysis = NonNullable<CanarySpec["analysis"]>;

/** A Canary of podinfo behind the gateway, two quick steps to the promotion, nothing measured. */
export function aRelease(namespace: string, analysis: Partial<Analysis> = {}, spec: Partial<CanarySpec> = {}): Canary {
  return {
    apiVersion: "flagger.app/v1beta1",
    kind: "Canary",
    metadata: { name: "podinfo", namespace },
    spec: {
      targetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" },
      service: {
        port: 9898,
        targetPort: 9898,
        hosts: [`${namespace}.example.com`],
        gatewayRefs: [{ name: "gateway", namespace: "istio-ingress" }],
      },
      analysis: {
        interval: "1s",
        threshold: 3,
        ...((analysis.iterations ?? analysis.stepWeights) === undefined ? { maxWeight: 50, stepWeight: 25 } : {}),
        ...analysis,
      },
      ...spec,
    },
  };
}

/** The load tester as a Service whose endpoint runs outside of any pod. */
export function loadtesterOutside(namespace: string, port: number): RawObject[] {
  const metadata = { name: "flagger-loadtester", namespace };
  const labels = { "kubernetes.io/service-name": metadata.name };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ name: "http", port: 80, targetPort: port }] } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, name: "flagger-loadtester-outside", labels },
      addressType: "IPv4",
      ports: [{ name: "http", port, protocol: "TCP" }],
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    },
  ];
}

/** The definition of KEDA's kind, as far as it matters here: any spec. */
export const scaledObjectDefinition: RawObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "scaledobjects.keda.sh" },
  spec: {
    group: "keda.sh",
    scope: "Namespaced",
    names: {
      plural: "scaledobjects",
      singular: "scaledobject",
      kind: "ScaledObject",
      listKind: "ScaledObjectList",
    },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

export function aScaledObject(namespace: string): RawObject {
  const query = `sum(rate(http_requests_total{app="podinfo",namespace="${namespace}"}[3s]))`;
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: { name: "podinfo-so", namespace },
    spec: {
      scaleTargetRef: { name: "podinfo" },
      minReplicaCount: 1,
      maxReplicaCount: 3,
      triggers: [
        {
          type: "prometheus",
          metadata: { query, threshold: "5" },
        },
      ],
    },
  };
}
