import { analysisOf, type Canary, type CanaryService } from "../../api/index.ts";

export type StringMatch = NonNullable<NonNullable<CanaryService["match"]>[number]["uri"]>;
type Comparison = keyof StringMatch;

/** A condition on one header or query parameter. */
export type Condition = readonly [name: string, match: StringMatch];

/** One entry of `analysis.match`: all of its conditions hold for a client of the canary. Sorted by name, for maps have no order. */
export interface TestedClients {
  readonly headers: readonly Condition[];
  readonly queryParams: readonly Condition[];
}

/** What a provider can tell clients by. */
export interface Discernment {
  /** The provider's name in sentences. */
  readonly name: string;
  readonly headers: readonly Comparison[];
  readonly queryParams: readonly Comparison[];
}

/** Who meets the canary in A/B testing: whoever one of the entries holds for. Empty: the Canary is no A/B test. */
export function testedClients(canary: Canary): readonly TestedClients[] {
  return (analysisOf(canary).match ?? []).map(({ headers, queryParams }) => ({
    headers: byName(headers),
    queryParams: byName(queryParams),
  }));
}

/** Why some of these conditions cannot be expressed. A condition that got lost would send everybody to the canary. */
export function matchProblems(canary: Canary, able: Discernment): readonly string[] {
  return (analysisOf(canary).match ?? []).flatMap((entry, index) => {
    const at = `analysis.match[${index}]`;
    const { headers, queryParams } = { headers: byName(entry.headers), queryParams: byName(entry.queryParams) };
    const labels = Object.keys(entry.sourceLabels ?? {}).length > 0;
    return [
      ...(labels ? [`${at}.sourceLabels cannot be expressed with ${able.name}`] : []),
      ...conditionProblems(headers, `${at}.headers`, able.headers, able.name),
      ...conditionProblems(queryParams, `${at}.queryParams`, able.queryParams, able.name),
      ...(headers.length + queryParams.length === 0
        ? [`${at} needs a header or a query parameter: without one it would send every request to the canary`]
        : []),
    ];
  });
}

function conditionProblems(
  conditions: readonly Condition[],
  at: string,
  able: readonly Comparison[],
  provider: string,
): readonly string[] {
  return conditions.flatMap(([name, match]) => {
    if (able.length === 0) return [`${at}.${name} cannot be expressed with ${provider}`];
    const fits = comparisonOf(match, able) !== undefined;
    return fits ? [] : [`${at}.${name} must be ${able.join(" or ")} with ${provider}`];
  });
}

/** The comparison that is asked for, if it is one of these. */
export function comparisonOf(match: StringMatch, able: readonly Comparison[]): Comparison | undefined {
  return able.find((comparison) => match[comparison] !== undefined);
}

/** The text of several problems; undefined when there is none. */
export function sentenceOf(problems: readonly string[]): string | undefined {
  return problems.length === 0 ? undefined : problems.join("; ");
}

function byName(values: Readonly<Record<string, StringMatch>> | undefined): readonly Condition[] {
  return Object.entries(values ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
