import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dump } from "js-yaml";
import type { RawObject } from "../../../api/index.ts";

/** What an application's team ships: everything that a writer applies, again and again, in the order in which helm installs it. */
export function shopOf(namespace: string, tag: string): readonly RawObject[] {
  const metadata = { name: "podinfo", namespace };
  const labels = { "app.kubernetes.io/name": "podinfo" };
  const target = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };
  const scaler = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" };
  const hosts = [hostOf(namespace)];
  const parentRefs = [{ name: "gateway", namespace: "istio-ingress" }];
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }] },
    },
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { ...metadata, labels }, spec: workload(labels, tag) },
    {
      ...scaler,
      metadata,
      spec: { scaleTargetRef: target, minReplicas: 2, maxReplicas: 4, metrics: [cpu] },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata,
      spec: { rules: [{ host: `ingress.${hosts[0]}`, http: { paths: [everything] } }] },
    },
    {
      apiVersion: "flagger.app/v1beta1",
      kind: "Canary",
      metadata,
      spec: {
        targetRef: target,
        autoscalerRef: { ...scaler, name: "podinfo" },
        service: { port: 80, portName: "http", targetPort: "http", hosts, gatewayRefs: parentRefs },
        analysis: { interval: "1s", threshold: 3, maxWeight: 50, stepWeight: 25 },
      },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata,
      spec: {
        hostnames: hosts,
        parentRefs,
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/" } }],
            backendRefs: [{ name: "podinfo", port: 80 }],
          },
        ],
      },
    },
  ];
}

export function hostOf(namespace: string): string {
  return `${namespace}.example.com`;
}

/** A chart that renders exactly these objects, in a folder that `use` may name to helm. */
export async function withChart<T>(
  objects: readonly RawObject[],
  folder: string,
  use: (chart: string) => Promise<T>,
): Promise<T> {
  const chart = await mkdtemp(join(folder, "chart-"));
  try {
    await mkdir(join(chart, "templates"));
    await writeFile(join(chart, "Chart.yaml"), dump({ apiVersion: "v2", name: "podinfo", version: "0.1.0" }));
    await writeFile(join(chart, "templates", "all.yaml"), yamlOf(objects));
    return await use(chart);
  } finally {
    await rm(chart, { recursive: true, force: true });
  }
}

export function yamlOf(objects: readonly RawObject[]): string {
  return objects.map((object) => dump(object, { noRefs: true })).join("---\n");
}

const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } };
const everything = {
  path: "/",
  pathType: "Prefix",
  backend: { service: { name: "podinfo", port: { name: "http" } } },
};

function workload(labels: Readonly<Record<string, string>>, tag: string): object {
  return {
    replicas: 2,
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: "podinfod",
            image: `stefanprodan/podinfo:${tag}`,
            ports: [{ name: "http", containerPort: 9898, protocol: "TCP" }],
            readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 1 },
            resources: { requests: { cpu: "100m" } },
          },
        ],
      },
    },
  };
}
