/** Label selectors as objects (`matchLabels`, `matchExpressions`), the form webhook configurations use. */

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: string[] }[];
}

export interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** The requirements of a selector; none select everything. */
export function selectorOf(selector: LabelSelector | undefined): readonly SelectorRequirement[] {
  const labels = Object.entries(selector?.matchLabels ?? {});
  const equal = labels.map(([key, value]) => ({ key, operator: "In", values: [value] }));
  const expressions = (selector?.matchExpressions ?? []).map((each) => ({ ...each, values: each.values ?? [] }));
  return [...equal, ...expressions];
}

export function selects(
  requirements: readonly SelectorRequirement[],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        return false;
    }
  });
}
