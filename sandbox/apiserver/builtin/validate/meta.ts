/** Rules of metadata and of label selectors. */
import type { FieldError, KubeObject, OwnerReference } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";
import { invalid, required, tooLong } from "./errors.ts";
import { isLabelValue, isQualifiedName, type NameRule } from "./names.ts";

const longestAnnotations = 256 * 1024;

export function metaErrors({ metadata }: KubeObject, nameRule: NameRule): FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", generateName = "" } = metadata;
  const note = (field: string, value: string, problems: string[]): void => {
    errors.push(...problems.map((problem) => invalid(field, value, problem)));
  };
  if (generateName !== "") note("metadata.generateName", generateName, nameRule(generateName.replace(/-$/, "a")));
  if (name !== "") note("metadata.name", name, nameRule(name));
  else if (generateName === "") errors.push(required("metadata.name", "name or generateName is required"));
  errors.push(...labelErrors("metadata.labels", metadata.labels));
  const annotations = Object.entries(metadata.annotations ?? {});
  for (const [key] of annotations) note("metadata.annotations", key, isQualifiedName(key.toLowerCase()));
  const size = annotations.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size > longestAnnotations) errors.push(tooLong("metadata.annotations", longestAnnotations));
  return [...errors, ...ownerErrors(metadata.ownerReferences ?? [])];
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const errors = owners.flatMap((owner) => [
    ...(["apiVersion", "kind", "name", "uid"] as const)
      .filter((part) => (owner[part] ?? "") === "")
      .map((part) => invalid(`${field}.${part}`, "", "must not be empty")),
    ...(owner.apiVersion === "v1" && owner.kind === "Event"
      ? [invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner")]
      : []),
  ]);
  const [first, second] = owners.filter(({ controller }) => controller === true);
  if (first === undefined || second === undefined) return errors;
  const both = `${first.kind}/${first.name} and ${second.kind}/${second.name}`;
  const why = `Only one reference can have Controller set to true. Found "true" in references for ${both}`;
  return [...errors, invalid(field, owners, why)];
}

export function labelErrors(field: string, labels: Json): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...isQualifiedName(key).map((problem) => invalid(field, key, problem)),
    ...isLabelValue(String(value)).map((problem) => invalid(field, value, problem)),
  ]);
}

export function selectorErrors(field: string, selector: Json): FieldError[] {
  const errors = labelErrors(`${field}.matchLabels`, selector?.matchLabels);
  each(selector?.matchExpressions).forEach((expression, index) => {
    const at = `${field}.matchExpressions[${index}]`;
    const count = each(expression.values?.map((value: unknown) => ({ value }))).length;
    if (["In", "NotIn"].includes(expression.operator)) {
      if (count === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (!["Exists", "DoesNotExist"].includes(expression.operator)) {
      errors.push(invalid(`${at}.operator`, expression.operator ?? "", "not a valid selector operator"));
    }
    errors.push(
      ...isQualifiedName(expression.key ?? "").map((problem) => invalid(`${at}.key`, expression.key, problem)),
    );
  });
  return errors;
}

/** True when a selector picks these labels; no selector picks nothing. */
export function selects(selector: Json, labels: Json): boolean {
  if (selector === undefined || selector === null) return false;
  const has = (key: string): boolean => labels?.[key] !== undefined;
  const wanted = Object.entries(selector.matchLabels ?? {});
  if (!wanted.every(([key, value]) => labels?.[key] === value)) return false;
  return each(selector.matchExpressions).every(({ key, operator, values = [] }) => {
    switch (operator) {
      case "In":
        return has(key) && values.includes(labels[key]);
      case "NotIn":
        return !has(key) || !values.includes(labels[key]);
      case "Exists":
        return has(key);
      case "DoesNotExist":
        return !has(key);
      default:
        return false;
    }
  });
}
