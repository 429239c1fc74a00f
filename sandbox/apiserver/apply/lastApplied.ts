/** The annotation in which client-side `kubectl apply` keeps what it applied, as far as server-side apply honours it. */
import type { KubeObject, TypeSchema } from "../types.ts";
import { emptySet, type FieldSet } from "./fieldSet.ts";
import { fieldsOf } from "./fieldsOf.ts";
import { withoutManagedFields } from "./objectSchema.ts";
import { isObject } from "./typedValue.ts";

const annotation = "kubectl.kubernetes.io/last-applied-configuration";

/** The manager whose server-side applies may take over what its client-side applies own. */
export const kubectlManager = "kubectl";

/** Fields that the last client-side apply stated. */
export function lastAppliedFields(live: KubeObject, schema: TypeSchema): FieldSet {
  const text = live.metadata.annotations?.[annotation];
  if (text === undefined) return emptySet;
  try {
    const stated: unknown = JSON.parse(text);
    return isObject(stated) ? fieldsOf(stated, schema) : emptySet;
  } catch {
    // The annotation is the user's; nonsense in it means only that it grants nothing.
    return emptySet;
  }
}

/** Brings the annotation up to date, where there is one, so that a later client-side apply compares with the right file. */
export function refreshLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  if (object.metadata.annotations?.[annotation] === undefined) return object;
  const stated = withoutManagedFields(applied);
  const { [annotation]: _last, ...rest } = stated.metadata.annotations ?? {};
  const metadata =
    stated.metadata.annotations === undefined ? stated.metadata : { ...stated.metadata, annotations: rest };
  const text = `${JSON.stringify(sortKeys({ ...stated, metadata }))}\n`;
  const annotations = { ...object.metadata.annotations, [annotation]: text };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]));
}
