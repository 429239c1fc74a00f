/** What the kind CustomResourceDefinition does to its own objects on their way in. */
import type { KubeObject, Strategy } from "../types.ts";
import type { Definition } from "./definition.ts";
import { definitionErrors, storedVersionsOf } from "./definitionRules.ts";
import { isMap, jsonEqual } from "./schema.ts";
import { shapeErrors } from "./shape.ts";

export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

/** Puts the rules of definitions on top of what the built-in kind does anyway. */
export function definitionStrategy(base: Strategy): Strategy {
  return {
    ...base,
    setDefaults: (object, version, old) => {
      base.setDefaults(object, version, old);
      dropEmpty(object["spec"]);
      if (isReadable(object)) defaultDefinition(object as Definition);
    },
    validate: (object, old, subresource) => {
      const shape = shapeErrors(object);
      if (shape.length > 0) return shape;
      return [...base.validate(object, old, subresource), ...definitionErrors(object, old)];
    },
    prepareForCreate: (object) => {
      base.prepareForCreate(object);
      object.metadata.generation = 1;
      if (!isReadable(object)) return;
      const storedVersions = storedVersionsOf(object as Definition, []).slice(0, 1);
      object["status"] = { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions };
    },
    prepareForUpdate: (object, old, subresource) => prepareUpdate(object as Definition, old as Definition, subresource),
    prepareForDelete: (object, now) => markedForDeletion(object as Definition, now),
  };
}

/** Enough to fill in defaults; validation looks at everything. */
function isReadable(object: KubeObject): boolean {
  const spec: unknown = object["spec"];
  if (!isMap(spec) || !isMap(spec["names"]) || !Array.isArray(spec["versions"])) return false;
  return typeof spec["names"]["kind"] === "string" && spec["versions"].every(isMap);
}

function defaultDefinition(definition: Definition): void {
  const { spec } = definition;
  const { names } = spec;
  if (names.kind !== "") {
    names.singular ??= names.kind.toLowerCase();
    names.listKind ??= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
  if (spec.preserveUnknownFields === false) delete spec.preserveUnknownFields;
}

/** Keys whose values are data of the defined objects: a null there is a value. */
const data = new Set(["default", "enum", "example"]);

/** Drops what Go leaves out when it writes a definition again: nulls, and maps of properties that are empty. */
function dropEmpty(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropEmpty(item);
    return;
  }
  if (!isMap(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const empty = key === "properties" && isMap(item) && Object.keys(item).length === 0;
    if (item === null || empty) delete value[key];
    else if (!data.has(key)) dropEmpty(item);
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
  if (definition.status !== undefined && isReadable(definition)) {
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
