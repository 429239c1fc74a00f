import type { RawObject } from "../api/index.ts";
import type { Right } from "./facts.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Every single right that roles and bindings give to service accounts: the content of manifests/rbac.yaml, in another namespace. */
export function rightsIn(documents: readonly RawObject[], namespace: string): readonly Right[] {
  return documents
    .filter(({ kind }) => kind === "ClusterRole" || kind === "Role")
    .flatMap(({ kind, metadata, ...role }) => {
      const where = { account: metadata.name, namespace: kind === "Role" ? namespace : "" };
      return (role["rules"] as readonly Rule[]).flatMap((rule) => expand(rule, where));
    });
}

function expand(rule: Rule, where: Pick<Right, "account" | "namespace">): readonly Right[] {
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((path) =>
      rule.verbs.flatMap((verb) =>
        (rule.resourceNames ?? [""]).map((name) => {
          const [resource = "", subresource = ""] = path.split("/");
          return { ...where, group, resource, subresource, verb, name };
        }),
      ),
    ),
  );
}
