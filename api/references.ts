import { type Fields, fieldsOf } from "./raw.ts";

/** One reference of a Canary to an object of our kinds, or to an Upstream. */
export interface Reference {
  readonly kind: "MetricTemplate" | "AlertProvider" | "Upstream";
  readonly namespace: string;
  readonly name: string;
  /** Path of the reference. */
  readonly field: string;
  /** The check or the alert it belongs to. */
  readonly holder: Fields;
}

/** Everything a Canary refers to by name and namespace. It may be wrong elsewhere. */
export function referencesIn(canary: unknown): readonly Reference[] {
  const own = ownNamespace(canary);
  const spec = fieldsOf(fieldsOf(canary)["spec"]);
  const refer = (kind: Reference["kind"], holder: Fields, key: string, field: string): readonly Reference[] => {
    const { name, namespace } = fieldsOf(holder[key]);
    const place = typeof namespace === "string" && namespace !== "" ? namespace : own;
    return typeof name === "string" ? [{ kind, namespace: place, name, field: `${field}.${key}`, holder }] : [];
  };
  const each = (analysis: string, list: string, kind: Reference["kind"], key: string) => {
    const items = fieldsOf(spec[analysis])[list];
    return (Array.isArray(items) ? items : []).flatMap((item, at) =>
      refer(kind, fieldsOf(item), key, `spec.${analysis}.${list}[${at}]`),
    );
  };
  return [
    ...["analysis", "canaryAnalysis"].flatMap((analysis) => [
      ...each(analysis, "metrics", "MetricTemplate", "templateRef"),
      ...each(analysis, "alerts", "AlertProvider", "providerRef"),
    ]),
    ...refer("Upstream", spec, "upstreamRef", "spec"),
  ];
}

/** The references of a Canary to other namespaces, which an operator may have switched off. */
export function referencesAbroad(canary: unknown): readonly Reference[] {
  const own = ownNamespace(canary);
  return referencesIn(canary).filter(({ namespace }) => namespace !== own);
}

function ownNamespace(canary: unknown): string {
  const { namespace } = fieldsOf(fieldsOf(canary)["metadata"]);
  return typeof namespace === "string" ? namespace : "";
}
