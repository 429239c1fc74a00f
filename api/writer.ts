import { fieldManagers } from "./names.ts";
import type { RawObject } from "./object.ts";
import { itemsOf } from "./raw.ts";

const ours: ReadonlySet<unknown> = new Set(Object.values(fieldManagers));

/**
 * Who wrote an object last, by the field manager that the API server noted. Undefined when that was us, when several wrote within the
 * same second, and when nothing is noted. Reports on the state of an object change nothing that anybody asked for.
 */
export function lastWriter(object: RawObject | undefined): string | undefined {
  const writes = itemsOf((object?.metadata as { managedFields?: unknown } | undefined)?.managedFields)
    .filter(({ subresource }) => subresource !== "status")
    .map(({ manager, time }) => ({ manager: String(manager ?? ""), time: String(time ?? "") }));
  const latest = writes
    .map(({ time }) => time)
    .toSorted()
    .at(-1);
  const others = new Set(
    writes.filter(({ manager, time }) => time === latest && !ours.has(manager)).map(({ manager }) => manager),
  );
  const [writer] = others;
  return others.size === 1 && writer !== "" ? writer : undefined;
}
