/** What the kind CustomResourceDefinition does to its own objects on their way in. */
import type { KubeObject, Strategy } from "../types.ts";
import type { Definition } from "./definition.ts";
import { definitionErrors, storedVersionsOf } from "./definitionRules.ts";
import { isMap, type JsonMap, jsonEqual } from "./schema.ts";

export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

/** Puts the rules of definitions on top of what the built-in kind does anyway. */
export function definitionStrategy(base: Strategy): Strategy {
  return {
    ...base,
    setDefaults: (object, version, old) => {
      base.setDefaults(object, version, old);
      defaultDefinition(object as Definition);
    },
    validate: (object, old, subresource) => [
      ...base.validate(object, old, subresource),
      ...definitionErrors(object, old),
    ],
    prepareForCreate: (object) => {
      base.prepareForCreate(object);
      object.metadata.generation = 1;
      const storedVersions = storedVersionsOf(object as Definition, []).slice(0, 1);
      object["status"] = { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions };
    },
    prepareForUpdate: (object, old, subresource) => prepareUpdate(object as Definition, old as Definition, subresource),
    prepareForDelete: (object, now) => markedForDeletion(object as Definition, now),
  };
}

function defaultDefinition(definition: Definition): void {
  const { spec } = definition;
  if (!isMap(spec) || !isMap(spec.names) || !Array.isArray(spec.versions)) return;
  const { names } = spec;
  if (typeof names.kind === "string" && names.kind !== "") {
    names.singular ??= names.kind.toLowerCase();
    names.listKind ??= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
  if (spec.preserveUnknownFields === false) delete spec.preserveUnknownFields;
  for (const version of spec.versions) {
    if (isMap(version.schema?.openAPIV3Schema)) dropEmpty(version.schema.openAPIV3Schema as JsonMap);
  }
}

/** Keywords that Go leaves out when it writes them again: null defaults, empty maps of properties. */
function dropEmpty(schema: JsonMap): void {
  const properties = schema["properties"];
  if (schema["default"] === null) delete schema["default"];
  if (isMap(properties)) {
    if (Object.keys(properties).length === 0) delete schema["properties"];
    for (const child of Object.values(properties)) if (isMap(child)) dropEmpty(child);
  }
  for (const keyword of ["items", "additionalProperties"]) {
    const child = schema[keyword];
    if (isMap(child)) dropEmpty(child);
  }
}

function prepareUpdate(definition: Definition, old: Definition, subresource: string | undefined): void {
  const generation = old.metadata.generation ?? 1;
  if (subresource === "status") {
    definition.spec = structuredClone(old.spec);
    definition.metadata.generation = generation;
    return;
  }
  if (old.status !== undefined) definition.status = structuredClone(old.status);
  if (definition.status !== undefined) {
    definition.status.storedVersions = storedVersionsOf(definition, definition.status.storedVersions);
  }
  definition.metadata.generation = jsonEqual(definition.spec, old.spec) ? generation : generation + 1;
}

/** A definition stays until its objects are gone; a mark that is there already stays as it is. */
function markedForDeletion(definition: Definition, now: Date): KubeObject {
  if (definition.metadata.deletionTimestamp !== undefined) return definition;
  const marked = structuredClone(definition);
  const time = `${now.toISOString().slice(0, 19)}Z`;
  marked.metadata.deletionTimestamp = time;
  marked.metadata.finalizers = [...new Set([...(marked.metadata.finalizers ?? []), cleanupFinalizer])];
  if (marked.status !== undefined) {
    marked.status.conditions = [
      ...(marked.status.conditions ?? []),
      {
        type: "Terminating",
        status: "True",
        lastTransitionTime: time,
        reason: "InstanceDeletionPending",
        message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
      },
    ];
  }
  return marked;
}
