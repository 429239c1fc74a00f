import type { Canary, CanarySpec, RawObject } from "../../../api/index.ts";
import { routerFor } from "../../../controller/routers/registry.ts";

/** Definitions of the kinds that a Canary's router works with, which take anything: what the official ones say is tested with the routers. */
export function definitionsOf(provider: string, canary: Canary): readonly RawObject[] {
  const router = routerFor(provider);
  const refs = [...(router?.watches(canary) ?? []), ...(router?.sources?.(canary) ?? [])];
  const custom = refs.filter(({ resource: { group } }) => group.includes(".") && !group.endsWith(".k8s.io"));
  return [...new Map(custom.map((ref) => [ref.resource.plural, ref])).values()].map(({ resource, namespace }) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${resource.plural}.${resource.group}` },
    spec: {
      group: resource.group,
      names: { plural: resource.plural, kind: resource.kind },
      scope: namespace === "" ? "Cluster" : "Namespaced",
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  }));
}

/** What the Canary names for that provider. */
export function referencesOf(provider: string): Partial<CanarySpec> {
  switch (provider) {
    case "nginx":
    case "skipper":
      return { ingressRef: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "podinfo" } };
    case "apisix":
      return { routeRef: { apiVersion: "apisix.apache.org/v2", kind: "ApisixRoute", name: "podinfo" } };
    default:
      return {};
  }
}

/** The user's objects that those names lead to. */
export function sourcesOf(provider: string, namespace: string): readonly RawObject[] {
  const { ingressRef, routeRef } = referencesOf(provider);
  const metadata = { name: "podinfo", namespace };
  const host = `${namespace}.example.com`;
  const backend = { service: { name: "podinfo", port: { number: 9898 } } };
  const rule = { host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } };
  const backends = [{ serviceName: "podinfo", servicePort: 9898 }];
  const http = [{ name: "main", match: { hosts: [host], paths: ["/*"] }, backends }];
  return [
    ...(ingressRef === undefined ? [] : [{ ...identityOf(ingressRef), metadata, spec: { rules: [rule] } }]),
    ...(routeRef === undefined ? [] : [{ ...identityOf(routeRef), metadata, spec: { http } }]),
  ];
}

function identityOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }) {
  return { apiVersion, kind };
}
