import { ApiError, type Store, type UserInfo } from "../types.ts";
import { reasonOf } from "./bindings.ts";
import { type Grant, RuleIndex } from "./ruleIndex.ts";
import { combinedResource, isAllowedBy, type PolicyRule, type Question } from "./rules.ts";

export interface Decision {
  readonly allowed: boolean;
  /** Which binding lets it through, or why bindings could not be read. Empty: nothing to tell. */
  readonly reason: string;
}

/** Told of every question that a request raised, with its answer. */
export type Observer = (user: UserInfo, question: Question, decision: Decision) => void;

/** Members may do anything, whatever the bindings say. */
const masters = "system:masters";

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** Role-based access control over the roles and bindings of a store. */
export class Authorizer {
  readonly #index: RuleIndex;
  readonly #observe: Observer;

  constructor(store: Store, observe: Observer = () => undefined) {
    this.#index = new RuleIndex(store);
    this.#observe = observe;
  }

  stop(): void {
    this.#index.stop();
  }

  decide(user: UserInfo, question: Question): Decision {
    if (user.groups.includes(masters)) return { allowed: true, reason: "" };
    return decideBy(this.#index.grants(user, "path" in question ? "" : question.namespace), question);
  }

  /** Throws 403 when the user may not. */
  require(user: UserInfo, question: Question): void {
    const decision = this.decide(user, question);
    this.#observe(user, question, decision);
    if (!decision.allowed) throw forbiddenTo(user, question, decision.reason);
  }

  /** Everything the user may do in the namespace. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    const own = this.#index.grants(user, namespace).flatMap(({ rules = [] }) => rules);
    return user.groups.includes(masters) ? [...everything, ...own] : own;
  }

  /** Rules of a role; undefined when there is no such role. Empty namespace: a ClusterRole. */
  rulesOf(namespace: string, name: string): readonly PolicyRule[] | undefined {
    return this.#index.rulesOf(namespace, name);
  }
}

/** The first grant with a rule that allows it; roles that are missing are told only when nothing does. Pure. */
export function decideBy(grants: readonly Grant[], question: Question): Decision {
  const missing: string[] = [];
  for (const { binding, words, rules } of grants) {
    if (rules === undefined) {
      const { kind, name } = binding.role;
      missing.push(`${kind.toLowerCase()}.rbac.authorization.k8s.io "${name}" not found`);
    } else if (rules.some((rule) => isAllowedBy(rule, question))) {
      return { allowed: true, reason: reasonOf(binding, words) };
    }
  }
  if (missing.length === 0) return { allowed: false, reason: "" };
  const told = [...new Set(missing)];
  return { allowed: false, reason: `RBAC: ${told.length === 1 ? told[0] : `[${told.join(", ")}]`}` };
}

/** 403 in the words of an API server. */
export function forbiddenTo(user: UserInfo, question: Question, reason = ""): ApiError {
  const why = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(user.username)} cannot ${question.verb}`;
  if ("path" in question) {
    return new ApiError(403, "Forbidden", `forbidden: ${who} path ${JSON.stringify(question.path)}${why}`, {});
  }
  const { group, resource, namespace, name } = question;
  const subject = `${resource}${group === "" ? "" : `.${group}`}${name === "" ? "" : ` ${JSON.stringify(name)}`}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `resource ${JSON.stringify(combinedResource(question))} in API group ${JSON.stringify(group)} ${where}`;
  return new ApiError(403, "Forbidden", `${subject} is forbidden: ${who} ${what}${why}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  });
}
