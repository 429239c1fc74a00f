/** Columns of `kubectl get` for the built-in kinds, as recorded in shared/kube/http/table.json. */
import type { Column } from "../types.ts";

const name: Column = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  cell: (object) => object.metadata.name ?? "",
};

const createdAt: Column = {
  name: "Created At",
  type: "date",
  priority: 0,
  cell: (object) => object.metadata.creationTimestamp,
};

/** Columns of a kind; kinds without columns of their own show name and creation time. */
export function columnsOf(_group: string, _plural: string): readonly Column[] {
  return [name, createdAt];
}
