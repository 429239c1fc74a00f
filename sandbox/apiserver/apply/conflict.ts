/** The answer to an apply that would overwrite what others own. */
import { ApiError } from "../types.ts";
import { paths, printPath } from "./fieldSet.ts";
import type { Manager } from "./managers.ts";
import type { Conflict } from "./ownership.ts";

export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const sorted = [...conflicts].sort((left, right) => (print(left.manager) < print(right.manager) ? -1 : 1));
  const single = sorted.flatMap(({ manager, fields }) =>
    paths(fields).map((path) => ({ who: print(manager), field: printPath(path) })),
  );
  const causes = single.map(({ who, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${who}`,
    field,
  }));
  const [only] = single;
  const text =
    single.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: conflict with ${only.who}: ${only.field}`
      : `Apply failed with ${single.length} conflicts: ${sorted.map(describe).join("\n")}`;
  return new ApiError(409, "Conflict", text, { causes });
}

function describe({ manager, fields }: Conflict): string {
  const lines = paths(fields).map((path) => `- ${printPath(path)}`);
  return [`conflicts with ${print(manager)}:`, ...lines].join("\n");
}

function print({ name, operation, apiVersion, subresource }: Manager): string {
  const who = JSON.stringify(name) + (subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`);
  return operation === "Update" ? `${who} using ${apiVersion}` : who;
}
