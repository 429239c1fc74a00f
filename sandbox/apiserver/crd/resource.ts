/** From a CustomResourceDefinition to the resource that the handlers serve. */
import type { Resource, ScalePaths } from "../types.ts";
import { columnsOf } from "./columns.ts";
import { Conversions, type PostReview } from "./conversion.ts";
import { type Definition, type DefinitionVersion, schemaOf, storageVersionOf } from "./definition.ts";
import { customStrategy } from "./strategy.ts";
import { compareVersions } from "./versions.ts";

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/** All served versions, the preferred one first. */
export function resourceOf(definition: Definition, post?: PostReview): Resource {
  const { spec } = definition;
  const webhook = spec.conversion?.strategy === "Webhook" && post !== undefined;
  const served = spec.versions.filter((version) => version.served).sort((a, b) => compareVersions(a.name, b.name));
  const byName = new Map(spec.versions.map((version) => [version.name, version]));
  const columns = new Map(served.map((version) => [version.name, columnsOf(version.additionalPrinterColumns)]));
  return {
    group: spec.group,
    kind: spec.names.kind,
    listKind: spec.names.listKind ?? `${spec.names.kind}List`,
    plural: spec.names.plural,
    singular: spec.names.singular ?? spec.names.kind.toLowerCase(),
    shortNames: spec.names.shortNames ?? [],
    categories: spec.names.categories ?? [],
    namespaced: spec.scope === "Namespaced",
    versions: served.map((version) => version.name),
    storageVersion: storageVersionOf(definition),
    verbs,
    subresources: subresourcesOf(served),
    strategy: customStrategy(definition, webhook ? new Conversions(definition, post) : undefined),
    columns: (version) => columns.get(version) ?? columnsOf(undefined),
    openapi: (version) => schemaOf(definition, version) as Record<string, unknown>,
    selectableFields: served.flatMap((version) =>
      (version.selectableFields ?? []).map(({ jsonPath }) => fieldOf(jsonPath)),
    ),
    deprecation: (version) => deprecationOf(definition, served, byName.get(version)),
    custom: true,
  };
}

/** `.spec.color` as a field selector names it. */
function fieldOf(jsonPath: string): string {
  return jsonPath.replace(/^\./, "");
}

function subresourcesOf(served: readonly DefinitionVersion[]): Resource["subresources"] {
  const status = served.some((version) => version.subresources?.status !== undefined);
  const scale = served.find((version) => version.subresources?.scale !== undefined)?.subresources?.scale;
  const paths: ScalePaths | undefined = scale && {
    specReplicas: scale.specReplicasPath,
    statusReplicas: scale.statusReplicasPath,
    ...(scale.labelSelectorPath === undefined ? {} : { labelSelector: scale.labelSelectorPath }),
  };
  return { ...(status ? { status } : {}), ...(paths === undefined ? {} : { scale: paths }) };
}

function deprecationOf(
  definition: Definition,
  served: readonly DefinitionVersion[],
  version: DefinitionVersion | undefined,
): string | undefined {
  if (version?.deprecated !== true) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const { group, names } = definition.spec;
  const better = served.find((each) => each.deprecated !== true && compareVersions(each.name, version.name) < 0);
  const advice = better === undefined ? "" : `; use ${group}/${better.name} ${names.kind}`;
  return `${group}/${version.name} ${names.kind} is deprecated${advice}`;
}
