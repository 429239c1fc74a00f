import { createHash } from "node:crypto";
import type { Registry } from "./registry.ts";
import { subresourcesOf } from "./request.ts";
import { apiVersionOf, keyOf, type Resource } from "./types.ts";

/** What `kubectl version` and clients read to know what they talk to. */
export const serverVersion = {
  major: "1",
  minor: "36",
  emulationMajor: "1",
  emulationMinor: "36",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "35",
  gitVersion: "v1.36.2",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2026-06-09T00:00:00Z",
  goVersion: "go1.26.0",
  compiler: "gc",
  platform: "linux/amd64",
};

/** Groups that answer reviews but store nothing. */
export interface ReviewKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const reviewKinds: readonly ReviewKind[] = [
  {
    group: "authentication.k8s.io",
    version: "v1",
    plural: "selfsubjectreviews",
    kind: "SelfSubjectReview",
    namespaced: false,
  },
  { group: "authentication.k8s.io", version: "v1", plural: "tokenreviews", kind: "TokenReview", namespaced: false },
  {
    group: "authorization.k8s.io",
    version: "v1",
    plural: "localsubjectaccessreviews",
    kind: "LocalSubjectAccessReview",
    namespaced: true,
  },
  {
    group: "authorization.k8s.io",
    version: "v1",
    plural: "selfsubjectaccessreviews",
    kind: "SelfSubjectAccessReview",
    namespaced: false,
  },
  {
    group: "authorization.k8s.io",
    version: "v1",
    plural: "selfsubjectrulesreviews",
    kind: "SelfSubjectRulesReview",
    namespaced: false,
  },
  {
    group: "authorization.k8s.io",
    version: "v1",
    plural: "subjectaccessreviews",
    kind: "SubjectAccessReview",
    namespaced: false,
  },
];

/** Versions of each group, preferred first. */
export function groupVersions(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  const add = (group: string, version: string) => {
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  };
  for (const resource of registry.all()) for (const version of resource.versions) add(resource.group, version);
  for (const { group, version } of reviewKinds) add(group, version);
  return groups;
}

/** `/api`. */
export function apiVersions(host: string) {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: host }],
  };
}

/** `/apis`. */
export function apiGroupList(registry: Registry) {
  const groups = [...groupVersions(registry)].filter(([group]) => group !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(([name, versions]) => groupOf(name, versions)) };
}

/** `/apis/GROUP`; undefined when it is not served. */
export function apiGroup(registry: Registry, name: string) {
  const versions = groupVersions(registry).get(name);
  if (versions === undefined || name === "") return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...groupOf(name, versions) };
}

function groupOf(name: string, versions: readonly string[]) {
  const entries = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined when it is not served. */
export function apiResourceList(registry: Registry, group: string, version: string) {
  const resources = registry
    .all()
    .filter((each) => each.group === group && each.versions.includes(version))
    .flatMap((each) => legacyEntries(each, version));
  for (const review of reviewKinds) {
    if (review.group !== group || review.version !== version) continue;
    const { plural, kind, namespaced } = review;
    resources.push({ name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: ["create"] });
  }
  if (resources.length === 0) return undefined;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: apiVersionOf(group, version), resources };
}

interface LegacyEntry {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly group?: string;
  readonly version?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
}

function legacyEntries(resource: Resource, version: string): LegacyEntry[] {
  const { plural, singular, kind, namespaced, verbs, shortNames, categories } = resource;
  const main: LegacyEntry = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    storageVersionHash: storageHash(resource),
  };
  const subresources = describedSubresources(resource, version).map((each) => ({
    name: `${plural}/${each.name}`,
    singularName: "",
    namespaced,
    ...(each.foreign ? { group: each.group, version: each.version } : {}),
    kind: each.kind,
    verbs: each.verbs,
  }));
  return [main, ...subresources];
}

interface DescribedSubresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  /** Of another group version than the resource itself. */
  readonly foreign: boolean;
}

const foreignKinds: Record<string, { group: string; version: string; kind: string; verbs: readonly string[] }> = {
  scale: { group: "autoscaling", version: "v1", kind: "Scale", verbs: ["get", "patch", "update"] },
  eviction: { group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
  token: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest", verbs: ["create"] },
};

function describedSubresources(resource: Resource, version: string): DescribedSubresource[] {
  return subresourcesOf(resource)
    .map((name) => {
      const foreign = foreignKinds[name];
      if (foreign !== undefined) return { name, ...foreign, foreign: true };
      const own = { name, group: resource.group, version, foreign: false };
      if (name === "binding") return { ...own, kind: "Binding", verbs: ["create"] };
      if (name === "log") return { ...own, kind: resource.kind, verbs: ["get"] };
      if (name === "finalize") return { ...own, kind: resource.kind, verbs: ["update"] };
      return { ...own, kind: resource.kind, verbs: ["get", "patch", "update"] };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What stands in etcd where it is not the version that is served, and for events in the order of its group and name. */
const storedAs: Record<string, string> = {
  "customresourcedefinitions.apiextensions.k8s.io": "apiextensions.k8s.io/v1beta1/CustomResourceDefinition",
  events: "/v1/Event",
  "events.events.k8s.io": "/v1/Event",
};

function storageHash(resource: Resource): string {
  const { group, storageVersion, kind } = resource;
  const stored = storedAs[keyOf(group, resource.plural)] ?? `${apiVersionOf(group, storageVersion)}/${kind}`;
  return createHash("sha256").update(stored).digest().subarray(0, 8).toString("base64");
}

/** `/`: what else there is. */
export function rootPaths(registry: Registry): string[] {
  const paths = ["/api", "/api/v1", "/apis", "/apis/", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz"];
  for (const [group, versions] of groupVersions(registry)) {
    if (group !== "") paths.push(`/apis/${group}`, ...versions.map((version) => `/apis/${group}/${version}`));
  }
  return [...paths, "/version"].sort();
}

/** The aggregated documents (apidiscovery.k8s.io/v2) of `/api` and `/apis`. */
export function aggregatedDiscovery(registry: Registry, core: boolean) {
  const groups = [...groupVersions(registry)].filter(([group]) => (group === "") === core);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map(([name, versions]) => ({
      metadata: name === "" ? {} : { name },
      versions: versions.map((version) => ({
        version,
        resources: [...aggregatedResources(registry, name, version), ...aggregatedReviews(name, version)],
        freshness: "Current",
      })),
    })),
  };
}

function aggregatedResources(registry: Registry, group: string, version: string) {
  const served = registry.all().filter((each) => each.group === group && each.versions.includes(version));
  return served.map((resource) => {
    const subresources = describedSubresources(resource, version);
    return {
      resource: resource.plural,
      responseKind: { group, version, kind: resource.kind },
      scope: resource.namespaced ? "Namespaced" : "Cluster",
      singularResource: resource.singular,
      verbs: resource.verbs,
      ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
      ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
      ...(subresources.length === 0
        ? {}
        : {
            subresources: subresources.map((each) => ({
              subresource: each.name,
              responseKind: { group: each.group, version: each.version, kind: each.kind },
              verbs: each.verbs,
            })),
          }),
    };
  });
}

function aggregatedReviews(group: string, version: string) {
  return reviewKinds
    .filter((each) => each.group === group && each.version === version)
    .map((review) => ({
      resource: review.plural,
      responseKind: { group, version, kind: review.kind },
      scope: review.namespaced ? "Namespaced" : "Cluster",
      singularResource: review.kind.toLowerCase(),
      verbs: ["create"],
    }));
}
