import { analysisOf, type Canary, type CanaryService, definedOnly, type Fields } from "../../api/index.ts";
import { comparisonOf, type StringMatch } from "./testedClients.ts";

type ServiceMatch = NonNullable<CanaryService["match"]>[number];
type StringMatches = Readonly<Record<string, StringMatch>>;

const compared = ["uri", "scheme", "method", "authority"] as const satisfies readonly (keyof ServiceMatch)[];
const comparedMaps = ["headers", "withoutHeaders", "queryParams"] as const satisfies readonly (keyof ServiceMatch)[];

/** Which requests the route takes at all, as Istio says it; empty means all. */
export function serviceMatches(canary: Canary): readonly Fields[] {
  return (canary.spec.service?.match ?? []).map((entry) => {
    const values = compared.map((field) => [field, entry[field] && stringMatch(entry[field])]);
    const maps = comparedMaps.map((field) => [field, entry[field] && stringMatches(entry[field])]);
    return definedOnly({ ...entry, ...Object.fromEntries([...values, ...maps]) });
  });
}

/** Istio compares exactly, by prefix or by pattern: a suffix becomes a pattern. */
function stringMatch(match: StringMatch): Fields {
  const { suffix, ...known } = match;
  const pattern = suffix === undefined ? {} : { regex: `.*${suffix.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}` };
  return comparisonOf(match, ["exact", "prefix", "regex"]) === undefined ? pattern : known;
}

function stringMatches(matches: StringMatches): Fields {
  return Object.fromEntries(Object.entries(matches).map(([name, match]) => [name, stringMatch(match)]));
}

/** Which requests go to the canary in A/B testing: each entry of `analysis.match` within each entry of `service.match`. */
export function testMatches(canary: Canary): readonly Fields[] {
  return (analysisOf(canary).match ?? []).flatMap(({ headers, queryParams, sourceLabels }) =>
    within(
      canary,
      definedOnly({
        headers: headers && stringMatches(headers),
        queryParams: queryParams && stringMatches(queryParams),
        sourceLabels,
      }),
    ),
  );
}

/** The requests of the route that fulfil more conditions. Both must hold; for a name that both mention, the added one counts. */
export function within(canary: Canary, conditions: Fields): readonly Fields[] {
  const service = serviceMatches(canary);
  return (service.length === 0 ? [{}] : service).map((match: Fields) => ({
    ...match,
    ...Object.fromEntries(
      Object.entries(conditions).map(([field, values]) => [
        field,
        { ...(match[field] as Fields), ...(values as Fields) },
      ]),
    ),
  }));
}

/** Why `analysis.match` cannot be expressed: an entry without a condition, or with an empty one, would send every request to the canary. */
export function testProblems(canary: Canary): readonly string[] {
  return (analysisOf(canary).match ?? []).flatMap(({ headers = {}, queryParams = {}, sourceLabels = {} }, index) => {
    const at = `analysis.match[${index}]`;
    const empty = [...Object.entries(headers), ...Object.entries(queryParams)].filter(
      ([, match]) => Object.keys(match).length === 0,
    );
    const none = [headers, queryParams, sourceLabels].every((conditions) => Object.keys(conditions).length === 0);
    return [
      ...(none ? [`${at} needs a condition: without one it would send every request to the canary`] : []),
      ...empty.map(([name]) => `${at}: ${name} must be exact, prefix, suffix or regex`),
    ];
  });
}
