import { isDeepStrictEqual } from "node:util";
import { type LabelSelector, selectorOf, selects } from "../admission/labels.ts";
import type { Client, KubeObject } from "../types.ts";
import type { PolicyRule } from "./rules.ts";

const clusterRoles = "clusterroles.rbac.authorization.k8s.io";

/** The rules of all roles that an aggregated role selects, by name, each rule once. Pure. */
export function aggregate(role: KubeObject, roles: readonly KubeObject[]): PolicyRule[] {
  const stated = (role["aggregationRule"]?.["clusterRoleSelectors"] ?? []) as readonly LabelSelector[];
  const selectors = stated.map(selectorOf);
  const selected = roles
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((selector) => selects(selector, metadata.labels)))
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const rule of selected.flatMap((each) => (each["rules"] ?? []) as PolicyRule[])) {
    if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
  }
  return rules;
}

export interface Aggregation {
  /** Resolves once no aggregated role is behind. */
  settled(): Promise<void>;
  stop(): void;
}

/** Keeps the rules of aggregated roles what their parts make them. A role may be part of a role that is part of another. */
export function startAggregation(client: Client, failed: (error: unknown) => void): Aggregation {
  let running: Promise<void> | undefined;
  let behind = false;
  const pass = async (): Promise<void> => {
    while (behind) {
      behind = false;
      const roles = client.list(clusterRoles);
      for (const role of roles.filter((each) => each["aggregationRule"] !== undefined)) {
        const rules = aggregate(role, roles);
        if (isDeepStrictEqual(rules, role["rules"] ?? [])) continue;
        await client.patch(clusterRoles, "", role.metadata.name ?? "", "merge", { rules });
      }
    }
  };
  const wake = (): void => {
    behind = true;
    running ??= Promise.resolve()
      .then(pass)
      .catch(failed)
      .finally(() => {
        running = undefined;
      });
  };
  const stop = client.watch(clusterRoles, wake);
  return { settled: async () => await running, stop };
}
