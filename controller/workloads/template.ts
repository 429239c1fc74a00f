import { annotations, type Fields, fieldsOf, itemsOf, knownKeys, textsOf } from "../../api/index.ts";
import type { SelectorLabel } from "./workload.ts";

const gitOpsMark = "toolkit.fluxcd.io";

/** Keys that belong to the target alone: copied to the primary they would mislead kubectl, the Deployment controller or our own webhook. */
const targetOnly: ReadonlySet<string> = new Set([
  knownKeys.lastApplied,
  knownKeys.deploymentRevision,
  ...Object.values(annotations),
]);

/** Labels or annotations of the target that its user wants on the primary too. Without prefixes there are none. */
export function inherited(values: unknown, prefixes: readonly string[]): Readonly<Record<string, string>> {
  const wanted = (key: string) =>
    prefixes.some((prefix) => prefix === "*" || (prefix !== "" && key.startsWith(prefix)));
  return Object.fromEntries(
    Object.entries(textsOf(values)).filter(([key]) => wanted(key) && !key.includes(gitOpsMark) && !targetOnly.has(key)),
  );
}

/** The pod template of the primary: the target's, with the selector label replaced and rules about neighbours turned to its own pods. */
export function primaryTemplate(template: unknown, label: SelectorLabel): Fields {
  const copy = fieldsOf(template);
  const metadata = fieldsOf(copy["metadata"]);
  // Older servers store an explicit null for the time; stating it would claim a field that nobody can set.
  const { labels, annotations: notes, creationTimestamp: _time, ...rest } = metadata;
  const kept = withoutGitOps(notes);
  return {
    ...copy,
    metadata: {
      ...rest,
      labels: { ...withoutGitOps(labels), [label.key]: `${label.value}-primary` },
      ...(Object.keys(kept).length > 0 ? { annotations: kept } : {}),
    },
    spec: primaryPodSpec(fieldsOf(copy["spec"]), label),
  };
}

/** Labels or annotations but for those by which GitOps tools know what is theirs. */
export function withoutGitOps(values: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(textsOf(values)).filter(([key]) => !key.includes(gitOpsMark)));
}

/**
 * Anti-affinity and topology spread of the target keep its pods apart; the primary's pods must be kept apart from each other, so the
 * selectors there follow the renamed label. Affinity to other pods stays as it is.
 */
function primaryPodSpec(spec: Fields, label: SelectorLabel): Fields {
  const affinity = fieldsOf(spec["affinity"]);
  const antiAffinity = fieldsOf(affinity["podAntiAffinity"]);
  const spread = spec["topologySpreadConstraints"];
  return {
    ...spec,
    ...(affinity["podAntiAffinity"] === undefined
      ? {}
      : { affinity: { ...affinity, podAntiAffinity: primaryAntiAffinity(antiAffinity, label) } }),
    ...(spread === undefined ? {} : { topologySpreadConstraints: itemsOf(spread).map((term) => renamed(term, label)) }),
  };
}

function primaryAntiAffinity(rules: Fields, label: SelectorLabel): Fields {
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  return {
    ...rules,
    ...(rules[required] === undefined
      ? {}
      : { [required]: itemsOf(rules[required]).map((term) => renamed(term, label)) }),
    ...(rules[preferred] === undefined
      ? {}
      : {
          [preferred]: itemsOf(rules[preferred]).map((weighted) => ({
            ...weighted,
            podAffinityTerm: renamed(fieldsOf(weighted["podAffinityTerm"]), label),
          })),
        }),
  };
}

/** A term whose `labelSelector` means the primary's pods where it meant the target's. */
function renamed(term: Fields, label: SelectorLabel): Fields {
  if (term["labelSelector"] === undefined) {
    return term;
  }
  const primary = `${label.value}-primary`;
  const selector = fieldsOf(term["labelSelector"]);
  const labels = textsOf(selector["matchLabels"]);
  const expressions = selector["matchExpressions"];
  return {
    ...term,
    labelSelector: {
      ...selector,
      ...(labels[label.key] === label.value ? { matchLabels: { ...labels, [label.key]: primary } } : {}),
      ...(expressions === undefined
        ? {}
        : {
            matchExpressions: itemsOf(expressions).map((expression) =>
              expression["key"] === label.key && Array.isArray(expression["values"])
                ? {
                    ...expression,
                    values: expression["values"].map((value) => (value === label.value ? primary : value)),
                  }
                : expression,
            ),
          }),
    },
  };
}
