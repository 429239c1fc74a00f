import {
  apexName,
  type Canary,
  type QueryModel,
  type Reference,
  referencesAbroad,
  referencesIn,
  renderTemplate,
  templateMistakes,
  textsOf,
  variablesIn,
  WeirError,
} from "../api/index.ts";
import { type Fields, textAt } from "./fields.ts";
import { type Finding, shown } from "./schemaWalk.ts";
import type { Index } from "./types.ts";
import { warning } from "./warning.ts";

/** References that are not allowed, and templates that cannot measure this Canary. */
export function referenceFindings(canary: Canary, index: Index): readonly Finding[] {
  const own = canary.metadata.namespace ?? "";
  return [
    ...(index.crossNamespaceRefs ? [] : referencesAbroad(canary).map((reference) => abroad(reference, own))),
    ...referencesIn(canary).flatMap((reference) =>
      reference.kind === "MetricTemplate" ? templateFindings(canary, reference, index) : [],
    ),
  ];
}

function abroad({ field, namespace }: Reference, own: string): Finding {
  const message = `Forbidden: references to other namespaces are switched off here: use one of namespace ${own}`;
  return { issue: { field: `${field}.namespace`, reason: "FieldValueForbidden", message }, value: namespace };
}

const builtInChecks = ["request-success-rate", "request-duration"];

function templateFindings(
  canary: Canary,
  { field, namespace, name, holder }: Reference,
  index: Index,
): readonly Finding[] {
  const query = textAt(index.metricTemplate(namespace, name), "spec", "query");
  // The built-in checks never ask their template.
  if (query === undefined || builtInChecks.includes(textAt(holder, "name") ?? "")) {
    return [];
  }
  const [mistake] = templateMistakes(query);
  if (mistake !== undefined) {
    const message = `Invalid value: ${shown(name)}: the query of this MetricTemplate does not render: ${mistake}`;
    return [{ issue: { field: `${field}.name`, reason: "FieldValueInvalid", message } as const, value: name }];
  }
  const problem = unrendered(query, modelOf(canary, holder));
  if (problem === undefined) {
    return [];
  }
  const at = `${field.slice(0, field.lastIndexOf("."))}.templateVariables`;
  const message = `Required value: MetricTemplate ${name} ${problem}`;
  return [{ issue: { field: at, reason: "FieldValueRequired", message } as const, value: holder }];
}

/** Why the query does not render for this Canary: all variables that are missing, if it is that. */
function unrendered(query: string, model: QueryModel): string | undefined {
  try {
    renderTemplate(query, model);
    return undefined;
  } catch (error) {
    if (!(error instanceof WeirError)) {
      throw error;
    }
    const unset = variablesIn(query).filter((variable) => !Object.hasOwn(model.variables, variable));
    return unset.length === 0 ? `does not render: ${error.message}` : `reads ${unset.join(", ")}: set them`;
  }
}

function modelOf(canary: Canary, metric: Fields): QueryModel {
  const target = canary.spec.targetRef.name;
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? "",
    target,
    service: apexName(canary),
    ingress: textAt(canary, "spec", "ingressRef", "name") ?? target,
    route: textAt(canary, "spec", "routeRef", "name") ?? target,
    interval: textAt(metric, "interval") || "1m",
    variables: textsOf(metric["templateVariables"]),
  };
}

/** References to objects that are not there: a warning, for they may be applied next. */
export function referenceWarnings(canary: unknown, index: Index): readonly string[] {
  const found = referencesIn(canary).flatMap(({ kind, namespace, name }) => {
    if (kind === "MetricTemplate" && index.metricTemplate(namespace, name) === undefined) {
      return [`there is no MetricTemplate ${name} in namespace ${namespace} yet: its check fails until there is`];
    }
    return kind === "AlertProvider" && index.alertProvider(namespace, name) === undefined
      ? [`there is no AlertProvider ${name} in namespace ${namespace} yet: its alerts are not sent`]
      : [];
  });
  return [...new Set(found)].map(warning);
}
