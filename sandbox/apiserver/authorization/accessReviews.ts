/** Answers to SubjectAccessReview and its kin, by the same rules that requests are held to. */
import { badRequest, invalid } from "../status.ts";
import type { UserInfo } from "../types.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Question } from "./rules.ts";

type Fields = Readonly<Record<string, unknown>>;

const group = "authorization.k8s.io";

/** Status of a SelfSubjectAccessReview. */
export function ownAccess(authorizer: Authorizer, spec: Fields, user: UserInfo): object {
  return accessStatus(authorizer, user, questionIn(spec));
}

/** Status of a SubjectAccessReview; of a LocalSubjectAccessReview when the namespace of its path is given. */
export function subjectAccess(authorizer: Authorizer, spec: Fields, namespace: string | undefined): object {
  const question = questionIn(spec);
  const user = subjectIn(spec);
  if (namespace !== undefined && ("path" in question || question.namespace !== namespace)) {
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return accessStatus(authorizer, user, question);
}

/** Status of a SelfSubjectRulesReview. */
export function ownRules(authorizer: Authorizer, spec: Fields, user: UserInfo): object {
  const namespace = textOf(spec["namespace"]);
  if (namespace === "") throw badRequest("no namespace on request");
  const rules = authorizer.rulesFor(user, namespace);
  const pick = (fields: readonly (keyof (typeof rules)[number])[], marker: keyof (typeof rules)[number]) =>
    rules
      .filter((rule) => (rule[marker] ?? []).length > 0)
      .map((rule) => Object.fromEntries(fields.flatMap((field) => (rule[field] ? [[field, rule[field]]] : []))));
  return {
    resourceRules: pick(["verbs", "apiGroups", "resources", "resourceNames"], "resources"),
    nonResourceRules: pick(["verbs", "nonResourceURLs"], "nonResourceURLs"),
    incomplete: false,
  };
}

function accessStatus(authorizer: Authorizer, user: UserInfo, question: Question): object {
  const { allowed, reason } = authorizer.decide(user, question);
  return { allowed, ...(reason === "" ? {} : { reason }) };
}

function questionIn(spec: Fields): Question {
  const resource = spec["resourceAttributes"] as Fields | undefined;
  const path = spec["nonResourceAttributes"] as Fields | undefined;
  if (path !== undefined && resource === undefined) {
    return { verb: textOf(path["verb"]), path: textOf(path["path"]) };
  }
  if (resource === undefined || path !== undefined) {
    const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    const [field, shown] =
      path === undefined ? ["spec.resourceAttributes", "null"] : ["spec.nonResourceAttributes", "{}"];
    throw invalid(group, "", "", [{ reason: "FieldValueInvalid", field, message: `Invalid value: ${shown}: ${why}` }]);
  }
  return {
    verb: textOf(resource["verb"]),
    group: textOf(resource["group"]),
    resource: textOf(resource["resource"]),
    subresource: textOf(resource["subresource"]),
    namespace: textOf(resource["namespace"]),
    name: textOf(resource["name"]),
  };
}

/** Exactly the stated groups: who asks about somebody knows all of them. */
function subjectIn(spec: Fields): UserInfo {
  const username = textOf(spec["user"]);
  const groups = Array.isArray(spec["groups"]) ? spec["groups"].map(textOf) : [];
  if (username === "" && groups.length === 0) {
    const message = 'Invalid value: "": at least one of user or group must be specified';
    throw invalid(group, "", "", [{ reason: "FieldValueInvalid", field: "spec.user", message }]);
  }
  return { username, groups };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
