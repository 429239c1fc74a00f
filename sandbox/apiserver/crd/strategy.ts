/** What a CustomResourceDefinition makes of the objects it defines. */
import type { FieldError, KubeObject, Strategy, TypeSchema } from "../types.ts";
import { apiVersionOf } from "../types.ts";
import type { Conversions } from "./conversion.ts";
import { validateCustomObject } from "./customObject.ts";
import { applyDefaults } from "./defaulting.ts";
import { type Definition, type DefinitionScale, schemaOf, storageVersionOf } from "./definition.ts";
import { compileJsonPath } from "./jsonPath.ts";
import { nameErrors } from "./names.ts";
import { pruneObject } from "./pruning.ts";
import { jsonEqual } from "./schema.ts";
import { typeSchemaOf } from "./typeSchema.ts";

/** The strategy of one definition as it stands; a changed definition gets a new one. */
export function customStrategy(definition: Definition, conversions?: Conversions): Strategy {
  const hasStatus = (version: string) => specOf(definition, version)?.subresources?.status !== undefined;
  const typeSchemas = new Map<string, TypeSchema>();
  const settled = settler(definition);
  return {
    schema: (version) => {
      const known = typeSchemas.get(version) ?? typeSchemaOf(schemaOf(definition, version));
      typeSchemas.set(version, known);
      return known;
    },
    prune: (object, version) => pruneObject(schemaOf(definition, version), object),
    setDefaults: (object, version) => applyDefaults(schemaOf(definition, version), object),
    validate: (object, old, subresource) => {
      const version = versionOf(object);
      const scale = specOf(definition, version)?.subresources?.scale;
      return [
        ...(old === undefined ? nameErrors(object) : []),
        ...validateCustomObject(schemaOf(definition, version), object, old),
        ...(scale === undefined || subresource === "status" ? [] : scaleErrors(scale, object)),
      ];
    },
    prepareForCreate: (object) => {
      if (hasStatus(versionOf(object))) delete object["status"];
      object.metadata.generation = 1;
    },
    prepareForUpdate: (object, old, subresource) =>
      prepareUpdate(object, old, subresource, hasStatus(versionOf(object))),
    settle: settled,
    convert: (object, toVersion) => convert(definition, settled(object), toVersion, conversions),
    ...(conversions === undefined
      ? {}
      : {
          convertAhead: (objects, toVersion, afresh) => conversions.ahead(objects.map(settled), toVersion, afresh),
        }),
  };
}

/** Reads stored objects under this definition. The answers are remembered: the objects of the store never change. */
function settler(definition: Definition): (object: KubeObject) => KubeObject {
  const known = new WeakMap<KubeObject, KubeObject>();
  return (object) => {
    if (!Object.isFrozen(object) || versionOf(object) !== storageVersionOf(definition)) return object;
    const before = known.get(object);
    if (before !== undefined) return before;
    const after = settle(definition, object);
    known.set(object, after);
    return after;
  };
}

function specOf(definition: Definition, version: string) {
  return definition.spec.versions.find((each) => each.name === version);
}

function versionOf(object: KubeObject): string {
  return object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
}

/** A stored object under a schema that may be newer than itself: pruned and defaulted on reading, as the API server does. */
function settle(definition: Definition, stored: KubeObject): KubeObject {
  const object = structuredClone(stored);
  const schema = schemaOf(definition, versionOf(stored));
  pruneObject(schema, object);
  applyDefaults(schema, object);
  return jsonEqual(object, stored) ? stored : object;
}

/**
 * What a webhook made of it, else only apiVersion changes. The other schema decides what stays; defaults are those of the
 * stored version.
 */
function convert(
  definition: Definition,
  object: KubeObject,
  toVersion: string,
  conversions: Conversions | undefined,
): KubeObject {
  const apiVersion = apiVersionOf(definition.spec.group, toVersion);
  if (object.apiVersion === apiVersion) return object;
  const next = conversions?.find(object, apiVersion) ?? { ...structuredClone(object), apiVersion };
  const schema = schemaOf(definition, toVersion);
  pruneObject(schema, next);
  if (toVersion === storageVersionOf(definition)) applyDefaults(schema, next);
  return next;
}

/** Keeps what this (sub)resource may not change and counts changes of anything but metadata and status. */
function prepareUpdate(object: KubeObject, old: KubeObject, subresource: string | undefined, hasStatus: boolean): void {
  if (subresource === "status") keepAllButStatus(object, old);
  else if (hasStatus) keepField(object, old, "status");
  const generation = old.metadata.generation ?? 0;
  const changed = !jsonEqual(contentOf(object, hasStatus), contentOf(old, hasStatus));
  object.metadata.generation = changed ? generation + 1 : generation;
}

function contentOf(object: KubeObject, hasStatus: boolean): Record<string, unknown> {
  const { metadata: _metadata, apiVersion: _apiVersion, ...content } = object;
  if (hasStatus) delete content["status"];
  return content;
}

function keepField(object: KubeObject, old: KubeObject, field: string): void {
  if (Object.hasOwn(old, field)) object[field] = structuredClone(old[field]);
  else delete object[field];
}

function keepAllButStatus(object: KubeObject, old: KubeObject): void {
  const { resourceVersion, managedFields } = object.metadata;
  for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (field !== "status" && field !== "metadata") keepField(object, old, field);
  }
  object.metadata = structuredClone(old.metadata);
  if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
  if (managedFields !== undefined) object.metadata.managedFields = managedFields;
  else delete object.metadata.managedFields;
}

function scaleErrors(scale: DefinitionScale, object: KubeObject): FieldError[] {
  const negative = (path: string): FieldError[] => {
    const [value] = compileJsonPath(path)(object);
    if (typeof value !== "number" || value >= 0) return [];
    const message = `Invalid value: ${value}: should be a non-negative integer`;
    return [{ reason: "FieldValueInvalid", field: path, message }];
  };
  return [...negative(scale.specReplicasPath), ...negative(scale.statusReplicasPath)];
}
