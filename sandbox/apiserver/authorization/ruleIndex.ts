import type { KubeObject, ResourceKey, Store, UserInfo } from "../types.ts";
import { type Binding, keysOf, parseBinding } from "./bindings.ts";
import type { PolicyRule } from "./rules.ts";

const group = "rbac.authorization.k8s.io";

/** What one binding gives to one user. `rules` is undefined when the role is missing. */
export interface Grant {
  readonly binding: Binding;
  /** The subject of the binding that is this user, in the words of a reason. */
  readonly words: string;
  readonly rules: readonly PolicyRule[] | undefined;
}

/** Users whose grants are remembered; more than a sandbox ever has at a time. */
const rememberedUsers = 1_000;

/**
 * Roles and bindings of a store, by subject. Events of the store keep it current, so that a request costs a look-up and
 * no scan; what a user holds is remembered until the next change of any role or binding.
 */
export class RuleIndex {
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  /** By `namespace/name`, in the order in which they were created. */
  readonly #bindings = new Map<string, Binding>();
  readonly #byHolder = new Map<string, Set<Binding>>();
  readonly #remembered = new Map<string, readonly Grant[]>();
  readonly #stops: (() => void)[] = [];

  constructor(store: Store) {
    for (const plural of ["clusterroles", "roles"]) {
      this.#follow(store, `${plural}.${group}`, (path, object) => this.#placeRole(path, object));
    }
    for (const plural of ["clusterrolebindings", "rolebindings"]) {
      this.#follow(store, `${plural}.${group}`, (path, object) => this.#placeBinding(path, object));
    }
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Rules of a role; undefined when there is no such role. Empty namespace: a ClusterRole. */
  rulesOf(namespace: string, name: string): readonly PolicyRule[] | undefined {
    return this.#roles.get(`${namespace}/${name}`);
  }

  /** What the user holds in the namespace: bindings of the whole cluster first. */
  grants(user: UserInfo, namespace: string): readonly Grant[] {
    const key = JSON.stringify([user.username, user.groups, namespace]);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const found = [...this.#held(user, ""), ...(namespace === "" ? [] : this.#held(user, namespace))];
    if (this.#remembered.size >= rememberedUsers) this.#remembered.clear();
    this.#remembered.set(key, found);
    return found;
  }

  #held(user: UserInfo, namespace: string): Grant[] {
    const keys = keysOf(user);
    const candidates = new Set(keys.flatMap((key) => [...(this.#byHolder.get(`${namespace}/${key}`) ?? [])]));
    // Creation order, whichever of the user's names was found first.
    const held =
      candidates.size < 2 ? [...candidates] : [...this.#bindings.values()].filter((each) => candidates.has(each));
    return held.flatMap((binding) => {
      const named = [...binding.holders].find(([key]) => keys.includes(key));
      if (named === undefined) return [];
      const { kind, name } = binding.role;
      const rules = this.rulesOf(kind === "ClusterRole" ? "" : binding.namespace, name);
      return [{ binding, words: named[1], rules }];
    });
  }

  #follow(store: Store, key: ResourceKey, place: (path: string, object: KubeObject | undefined) => void): void {
    const take = (object: KubeObject, gone: boolean): void => {
      const { namespace = "", name = "" } = object.metadata;
      place(`${namespace}/${name}`, gone ? undefined : object);
      this.#remembered.clear();
    };
    for (const object of store.list(key, "")) take(object, false);
    this.#stops.push(store.watch(key, "", store.revision, ({ type, object }) => take(object, type === "DELETED")));
  }

  #placeRole(path: string, object: KubeObject | undefined): void {
    if (object === undefined) this.#roles.delete(path);
    else this.#roles.set(path, (object["rules"] ?? []) as readonly PolicyRule[]);
  }

  #placeBinding(path: string, object: KubeObject | undefined): void {
    const old = this.#bindings.get(path);
    if (old !== undefined)
      for (const key of old.holders.keys()) this.#byHolder.get(`${old.namespace}/${key}`)?.delete(old);
    if (object === undefined) {
      this.#bindings.delete(path);
      return;
    }
    const binding = parseBinding(object);
    this.#bindings.set(path, binding);
    for (const key of binding.holders.keys()) {
      const place = `${binding.namespace}/${key}`;
      this.#byHolder.set(place, (this.#byHolder.get(place) ?? new Set()).add(binding));
    }
  }
}
