/** Nobody hands out more than they hold: what an API server checks when roles and bindings are written. */
import { isDeepStrictEqual } from "node:util";
import { forbidden, notFound } from "../status.ts";
import type { Admission, AdmissionAttributes, KubeObject, UserInfo } from "../types.ts";
import type { Authorizer } from "./authorizer.ts";
import { isAllowedBy, type PolicyRule, type Question } from "./rules.ts";

const group = "rbac.authorization.k8s.io";

/** Admission that refuses escalations, and objects that a PUT or PATCH would create for somebody who may not create. */
export function guardedAdmission(inner: Admission, authorizer: Authorizer): Admission {
  return {
    async mutate(attributes, reset, warn) {
      const object = await inner.mutate(attributes, reset, warn);
      if (object !== undefined) checkEscalation(authorizer, attributes, object);
      return object;
    },
    async validate(attributes, warn) {
      checkCreation(authorizer, attributes);
      await inner.validate(attributes, warn);
    },
  };
}

function checkCreation(authorizer: Authorizer, attributes: AdmissionAttributes): void {
  const { operation, resource, subresource = "", namespace, name, user } = attributes;
  if (operation !== "CREATE" || subresource !== "") return;
  const question = { verb: "create", group: resource.group, resource: resource.plural, subresource, namespace, name };
  authorizer.require(user, question);
}

function checkEscalation(authorizer: Authorizer, attributes: AdmissionAttributes, object: KubeObject): void {
  const { resource, operation, oldObject, user } = attributes;
  if (resource.group !== group || (operation !== "CREATE" && operation !== "UPDATE")) return;
  if (user.groups.includes("system:masters")) return;
  const binding = resource.plural.endsWith("bindings");
  const fields = binding ? ["roleRef", "subjects"] : ["rules", "aggregationRule"];
  if (fields.every((field) => isDeepStrictEqual(object[field], oldObject?.[field])) && oldObject !== undefined) return;
  const granted = binding
    ? rulesBound(authorizer, attributes, object)
    : rulesStated(authorizer, attributes, object, oldObject);
  const namespace = attributes.namespace;
  const missing = missingRights(authorizer.rulesFor(user, namespace), granted);
  if (missing.length === 0) return;
  const groups = `[${user.groups.map((each) => JSON.stringify(each)).join(" ")}]`;
  const who = `user ${JSON.stringify(user.username)} (groups=${groups})`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${missing.join("\n")}`;
  throw forbidden(resource, object.metadata.name ?? "", why);
}

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** Whoever decides which roles are aggregated decides about rules that nobody knows yet. */
function rulesStated(
  authorizer: Authorizer,
  { user, resource, namespace }: AdmissionAttributes,
  object: KubeObject,
  old: KubeObject | undefined,
): readonly PolicyRule[] {
  const name = object.metadata.name ?? "";
  if (mayAlso(authorizer, user, "escalate", resource.plural, namespace, name)) return [];
  const aggregates = !isDeepStrictEqual(object["aggregationRule"], old?.["aggregationRule"]);
  return [...((object["rules"] ?? []) as PolicyRule[]), ...(aggregates ? everything : [])];
}

function rulesBound(
  authorizer: Authorizer,
  { user, namespace }: AdmissionAttributes,
  object: KubeObject,
): readonly PolicyRule[] {
  const { kind, name } = object["roleRef"] as { kind: string; name: string };
  const plural = kind === "ClusterRole" ? "clusterroles" : "roles";
  if (mayAlso(authorizer, user, "bind", plural, namespace, name)) return [];
  const rules = authorizer.rulesOf(plural === "clusterroles" ? "" : namespace, name);
  if (rules === undefined) throw notFound({ group, plural }, name);
  return rules;
}

function mayAlso(
  authorizer: Authorizer,
  user: UserInfo,
  verb: string,
  resource: string,
  namespace: string,
  name: string,
): boolean {
  return authorizer.decide(user, { verb, group, resource, subresource: "", namespace, name }).allowed;
}

/** What `held` does not cover of `granted`, one line per resource, in the words of an API server. Pure. */
export function missingRights(held: readonly PolicyRule[], granted: readonly PolicyRule[]): string[] {
  const byTarget = new Map<string, string[]>();
  for (const question of granted.flatMap(questionsOf)) {
    if (held.some((rule) => isAllowedBy(rule, question))) continue;
    const target = targetOf(question);
    const verbs = byTarget.get(target) ?? [];
    if (!verbs.includes(question.verb)) byTarget.set(target, [...verbs, question.verb]);
  }
  return [...byTarget].map(([target, verbs]) => `{${target}, Verbs:${quotedList(verbs)}}`).sort();
}

/** A rule, taken apart. A star stays a star: only a star covers it. */
function questionsOf(rule: PolicyRule): Question[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names = resourceNames.length === 0 ? [""] : resourceNames;
  return verbs.flatMap((verb): Question[] => [
    ...nonResourceURLs.map((path) => ({ verb, path })),
    ...apiGroups.flatMap((each) =>
      resources.flatMap((combined) => {
        const [resource = "", subresource = ""] = combined.split("/", 2);
        return names.map((name) => ({ verb, group: each, resource, subresource, namespace: "", name }));
      }),
    ),
  ]);
}

function targetOf(question: Question): string {
  if ("path" in question) return `NonResourceURLs:${quotedList([question.path])}`;
  const { resource, subresource, name } = question;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  const named = name === "" ? "" : `, ResourceNames:${quotedList([name])}`;
  return `APIGroups:${quotedList([question.group])}, Resources:${quotedList([combined])}${named}`;
}

function quotedList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}
