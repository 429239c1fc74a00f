import { ageColumn, column, nameColumn } from "./builtin/columns/cells.ts";
import type { Form } from "./present.ts";
import type { Column, KubeObject, Resource } from "./types.ts";

/** Whatever is scaled, its Scale has these. */
const scaleColumns = [
  nameColumn,
  column("Desired", (scale) => scale["spec"]?.replicas ?? 0, "integer"),
  column("Available", (scale) => scale["status"]?.replicas ?? 0, "integer"),
  ageColumn,
];

/** A meta.k8s.io/v1 Table of objects, the way `kubectl get` wants it. */
export function tableOf(
  resource: Resource,
  version: string,
  objects: readonly KubeObject[],
  metadata: Record<string, unknown>,
  form: Pick<Form, "includeObject">,
  now: Date,
): Record<string, unknown> {
  const columns = objects[0]?.kind === "Scale" ? scaleColumns : resource.columns(version);
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map(definitionOf),
    rows: objects.map((object) => rowOf(columns, object, form, now)),
  };
}

/** The Table of one watch event; only the first event of a stream repeats the column definitions. */
export function eventTable(
  resource: Resource,
  version: string,
  object: KubeObject,
  form: Pick<Form, "includeObject">,
  now: Date,
  first: boolean,
): Record<string, unknown> {
  const table = tableOf(resource, version, [object], { resourceVersion: object.metadata.resourceVersion }, form, now);
  return first ? table : { ...table, columnDefinitions: null };
}

function definitionOf(column: Column): Record<string, unknown> {
  const { name, type, format = "", description = "", priority } = column;
  return { name, type, format, description, priority };
}

function rowOf(columns: readonly Column[], object: KubeObject, form: Pick<Form, "includeObject">, now: Date) {
  const cells = columns.map((column) => column.cell(object, now) ?? null);
  switch (form.includeObject) {
    case "None":
      return { cells, object: null };
    case "Object":
      return { cells, object };
    case "Metadata":
      return { cells, object: partialOf(object) };
  }
}

/** The metadata of an object as an object of its own. */
export function partialOf(object: KubeObject): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
