/** What a rule of a role lets through. Pure. */

/** One rule of a Role or ClusterRole, as it is written there. */
export interface PolicyRule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** May somebody do this to a resource? Empty namespace: cluster scope, or all namespaces. Empty name: no particular one. */
export interface ResourceQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** May somebody do this to a path that is no resource (`/healthz`)? */
export interface PathQuestion {
  readonly verb: string;
  readonly path: string;
}

export type Question = ResourceQuestion | PathQuestion;

/** A resource with its subresource, as rules and messages name it: `deployments/scale`. */
export function combinedResource({ resource, subresource }: ResourceQuestion): string {
  return subresource === "" ? resource : `${resource}/${subresource}`;
}

/** Does the rule allow it? Where the rule holds is the binding's business. */
export function isAllowedBy(rule: PolicyRule, question: Question): boolean {
  if (!hasOrAll(rule.verbs, question.verb)) return false;
  if ("path" in question) return (rule.nonResourceURLs ?? []).some((pattern) => isPathCovered(pattern, question.path));
  return (
    hasOrAll(rule.apiGroups, question.group) &&
    isResourceCovered(rule.resources ?? [], combinedResource(question), question.subresource) &&
    isNameCovered(rule.resourceNames ?? [], question.name)
  );
}

function hasOrAll(stated: readonly string[] = [], value: string): boolean {
  return stated.includes("*") || stated.includes(value);
}

// A star covers subresources too; `deployments` does not cover `deployments/scale`; a star before `/scale` covers every scale.
function isResourceCovered(stated: readonly string[], combined: string, subresource: string): boolean {
  if (hasOrAll(stated, combined)) return true;
  return subresource !== "" && stated.includes(`*/${subresource}`);
}

/** Rules that state names never allow what has none yet: create, and lists that are not limited to one name. */
function isNameCovered(stated: readonly string[], name: string): boolean {
  return stated.length === 0 || stated.includes(name);
}

/** Only a star at the end is a wildcard. */
export function isPathCovered(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, ""));
}
