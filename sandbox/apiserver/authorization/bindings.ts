/** Who holds which role where. Pure. */
import type { KubeObject, UserInfo } from "../types.ts";

interface Subject {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

interface RoleRef {
  readonly kind: string;
  readonly name: string;
}

/** A RoleBinding or ClusterRoleBinding, ready to be looked up by subject. */
export interface Binding {
  readonly name: string;
  /** Empty: holds everywhere. */
  readonly namespace: string;
  readonly role: RoleRef;
  /** Whom it names: `user NAME` or `group NAME`, with the words of a reason. In the order of the binding. */
  readonly holders: ReadonlyMap<string, string>;
}

/** Reads a stored binding. */
export function parseBinding(object: KubeObject): Binding {
  const { name = "", namespace = "" } = object.metadata;
  const subjects = (object["subjects"] ?? []) as readonly Subject[];
  const holders = new Map<string, string>();
  for (const subject of subjects) {
    const holder = holderOf(subject, namespace);
    if (holder !== undefined && !holders.has(holder.key)) holders.set(holder.key, holder.words);
  }
  const { kind = "", name: roleName = "" } = (object["roleRef"] ?? {}) as Partial<RoleRef>;
  return { name, namespace, role: { kind, name: roleName }, holders };
}

function holderOf(subject: Subject, bindingNamespace: string): { key: string; words: string } | undefined {
  const { kind = "", name = "" } = subject;
  switch (kind) {
    case "User":
      return { key: userKey(name), words: `User ${JSON.stringify(name)}` };
    case "Group":
      return { key: groupKey(name), words: `Group ${JSON.stringify(name)}` };
    case "ServiceAccount": {
      const namespace = subject.namespace ?? bindingNamespace;
      if (namespace === "") return undefined;
      return {
        key: userKey(`system:serviceaccount:${namespace}:${name}`),
        words: `ServiceAccount ${JSON.stringify(`${name}/${namespace}`)}`,
      };
    }
    default:
      return undefined;
  }
}

function userKey(name: string): string {
  return `user ${name}`;
}

function groupKey(name: string): string {
  return `group ${name}`;
}

/** Everything a binding may name a user by. */
export function keysOf(user: UserInfo): string[] {
  return [userKey(user.username), ...user.groups.map(groupKey)];
}

/** Why a request is allowed, in the words of an API server. `words` are those of the subject. */
export function reasonOf(binding: Binding, words: string): string {
  const { name, namespace, role } = binding;
  const subject = namespace === "" ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
  return `RBAC: allowed by ${subject} of ${role.kind} "${role.name}" to ${words}`;
}
