/** Turns what is known about a kind into the `Strategy` the write pipeline calls. */
import { clone, type FieldError, isEqualJson, type KubeObject, type Strategy, type TypeSchema } from "../types.ts";
import { decode, decodeProblem } from "./decode.ts";
import { fill } from "./defaults/fill.ts";
import { metaErrors } from "./validate/meta.ts";
import { isSubdomain, type NameRule } from "./validate/names.ts";

/** What is particular to one kind. Everything absent means: nothing to do. */
export interface KindRules {
  readonly schema: (version: string) => TypeSchema;
  readonly defaults?: (object: KubeObject, version: string, old: KubeObject | undefined) => void;
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => FieldError[];
  /** Rules of a write through `/status`. */
  readonly validateStatus?: (object: KubeObject) => FieldError[];
  readonly name?: NameRule;
  /** The status of a new object, per version; absent for kinds without one, and for kinds that are created with theirs. */
  readonly status?: (version: string) => Record<string, unknown>;
  /** True when writers of the object itself cannot change its status. */
  readonly hasStatus?: boolean;
  /** Top-level fields whose change raises the generation; absent for kinds without one. */
  readonly generation?: readonly string[];
  /** What only the server decides: addresses, counters. `old` is undefined on create. */
  readonly settle?: (object: KubeObject, old: KubeObject | undefined) => void;
  /** Takes note of an object that was stored by an earlier process. */
  readonly remember?: (object: KubeObject) => void;
  readonly warnings?: (object: KubeObject) => string[];
  readonly convert?: (object: KubeObject, toVersion: string) => KubeObject;
}

export function strategyOf(rules: KindRules): Strategy {
  return {
    schema: rules.schema,
    prune: (object, version) => decode(object, rules.schema(version)),
    decodeProblem: (object, version) => decodeProblem(object, rules.schema(version)),
    setDefaults: (object, version, old) => setDefaults(rules, object, version, old),
    validate: (object, old, subresource) => [
      ...metaErrors(object, rules.name ?? isSubdomain),
      ...((subresource === "status" ? rules.validateStatus?.(object) : rules.validate?.(object, old)) ?? []),
    ],
    prepareForCreate: (object) => prepareForCreate(rules, object),
    prepareForUpdate: (object, old, subresource) => {
      if (subresource === "status") keepAllButStatus(object, old);
      else if (subresource === "finalize") keepAllButFinalizers(object, old);
      else prepareForUpdate(rules, object, old);
    },
    ...(rules.remember === undefined ? {} : { remember: rules.remember }),
    ...(rules.warnings === undefined ? {} : { warnings: rules.warnings }),
    ...(rules.convert === undefined ? {} : { convert: rules.convert }),
  };
}

function setDefaults(rules: KindRules, object: KubeObject, version: string, old: KubeObject | undefined): void {
  rules.defaults?.(object, version, old);
  if (rules.status !== undefined) fill(fill(object, { status: {} }).status, rules.status(version));
  // Fields that were just added take their place in the type's order.
  decode(object, rules.schema(version));
}

function prepareForCreate(rules: KindRules, object: KubeObject): void {
  const version = versionOf(object);
  if (rules.status !== undefined) object["status"] = clone(rules.status(version));
  delete object.metadata.generation;
  if (rules.generation !== undefined) object.metadata.generation = 1;
  rules.settle?.(object, undefined);
  decode(object, rules.schema(version));
}

function prepareForUpdate(rules: KindRules, object: KubeObject, old: KubeObject): void {
  if (rules.hasStatus === true) {
    if (old["status"] === undefined) delete object["status"];
    else object["status"] = clone(old["status"]);
  }
  rules.settle?.(object, old);
  const generation = old.metadata.generation ?? 0;
  if (rules.generation === undefined) delete object.metadata.generation;
  else object.metadata.generation = hasChanged(rules.generation, object, old) ? generation + 1 : generation;
  decode(object, rules.schema(versionOf(object)));
}

/** `annotations` stands for those of the metadata: a Deployment hands them on to its ReplicaSets. */
function hasChanged(fields: readonly string[], object: KubeObject, old: KubeObject): boolean {
  return fields.some((field) =>
    field === "annotations"
      ? !isEqualJson(object.metadata.annotations ?? {}, old.metadata.annotations ?? {})
      : !isEqualJson(object[field], old[field]),
  );
}

/** Through `/status` only the status passes, and of the metadata what is neither identity nor label. */
function keepAllButStatus(object: KubeObject, old: KubeObject): void {
  const { status, metadata } = object;
  for (const key of Object.keys(object)) delete (object as Record<string, unknown>)[key];
  Object.assign(object, clone(old), { metadata });
  if (status === undefined) delete object["status"];
  else object["status"] = status;
  if (old.metadata.labels === undefined) delete metadata.labels;
  else metadata.labels = { ...old.metadata.labels };
  if (old.metadata.generation !== undefined) metadata.generation = old.metadata.generation;
}

/** Through `/finalize` of a namespace only `spec.finalizers` passes. */
function keepAllButFinalizers(object: KubeObject, old: KubeObject): void {
  const finalizers: unknown = object["spec"]?.finalizers;
  const { metadata } = object;
  Object.assign(object, clone(old), { metadata });
  object["spec"] = { ...old["spec"], finalizers: finalizers ?? [] };
}

function versionOf({ apiVersion }: KubeObject): string {
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}
