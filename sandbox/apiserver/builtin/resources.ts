/** The built-in kinds as the registry takes them. */
import { keyOf, type Resource } from "../types.ts";
import { type CatalogEntry, catalog } from "./catalog.ts";
import { columnsOf } from "./columns.ts";
import { rulesOf } from "./rules.ts";
import { schemaOf } from "./schemas/byKind.ts";
import { strategyOf } from "./strategy.ts";

/** Every built-in kind, in the order of discovery. */
export function builtinResources(): Resource[] {
  return catalog.map(resourceOf);
}

const endpointsAreDeprecated = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

function resourceOf(entry: CatalogEntry): Resource {
  const key = keyOf(entry.group, entry.plural);
  const columns = columnsOf(entry.group, entry.plural);
  return {
    group: entry.group,
    kind: entry.kind,
    listKind: `${entry.kind}List`,
    plural: entry.plural,
    singular: entry.singular,
    shortNames: entry.shortNames,
    categories: entry.categories,
    namespaced: entry.namespaced,
    versions: entry.versions,
    storageVersion: entry.versions[0] ?? "v1",
    verbs: entry.verbs,
    subresources: {
      ...(entry.status ? { status: true } : {}),
      ...(entry.scale === undefined ? {} : { scale: entry.scale }),
    },
    strategy: strategyOf({ schema: (version) => schemaOf(key, version), ...rulesOf(key) }),
    columns: () => columns,
    ...(key === "endpoints" ? { deprecation: () => endpointsAreDeprecated } : {}),
    custom: false,
  };
}
