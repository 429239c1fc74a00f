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
  return provider === "nginx" || provider === "skipper"
    ? { ingressRef: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "podinfo" } }
    : {};
}

/** The user's objects that those names lead to. */
export function sourcesOf(provider: string, namespace: string): readonly RawObject[] {
  const backend = { service: { name: "podinfo", port: { number: 9898 } } };
  return referencesOf(provider).ingressRef === undefined
    ? []
    : [
        {
          apiVersion: "networking.k8s.io/v1",
          kind: "Ingress",
          metadata: { name: "podinfo", namespace },
          spec: {
            rules: [
              { host: `${namespace}.example.com`, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } },
            ],
          },
        },
      ];
}
