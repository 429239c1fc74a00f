import type { KubeObject, ResourceKey } from "../../../sandbox/apiserver/types.ts";
import { controllerUser, type ReleaseCluster } from "./cluster.ts";
import { isOfTheMachine } from "./manifests.ts";

const reading = new Set(["get", "list", "watch"]);

interface Sent {
  readonly verb: string;
  readonly key: ResourceKey;
  readonly subresource: string | undefined;
  /** Empty: the server makes the name. */
  readonly name: string;
}

/**
 * Told of every write of a controller at the moment at which it is stored, before its answer is sent: `patch canaries/status podinfo,
 * Progressing 20`. What changes nothing is no write.
 */
export function followWrites(
  { sandbox: { apiServer }, look, canary }: ReleaseCluster,
  onWrite: (namespace: string, what: string) => void,
): void {
  const sent = new Map<string, Sent[]>();
  const followed = new Set<ResourceKey>();
  const stored = (key: ResourceKey, object: KubeObject): void => {
    const { namespace = "", name } = object.metadata;
    const waiting = sent.get(namespace) ?? [];
    const index = waiting.findIndex((each) => each.key === key && (each.name === "" || each.name === name));
    const [write] = index < 0 ? [] : waiting.splice(index, 1);
    if (write === undefined) return;
    const what = describe(write, object).replaceAll(namespace, "NAMESPACE");
    const { phase, canaryWeight = 0 } = canary(namespace).status ?? {};
    if (!isOfTheMachine(what)) onWrite(namespace, key === "events" ? what : `${what}, ${phase} ${canaryWeight}`);
  };
  apiServer.interference.request = async ({ user, request: { verb, resource, namespace, name, subresource } }) => {
    if (user.username !== controllerUser || reading.has(verb)) return;
    const key = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
    if (!followed.has(key)) {
      followed.add(key);
      look.watch(key, ({ object }) => stored(key, object));
    }
    const others = (sent.get(namespace) ?? []).filter((each) => each.key !== key || each.name !== name);
    sent.set(namespace, [...others, { verb, key, subresource, name }]);
  };
}

function describe({ verb, key, subresource, name }: Sent, object: KubeObject): string {
  if (key === "events") return `event "${object["message"]}"`;
  return `${verb} ${subresource === undefined ? key : `${key}/${subresource}`} ${name || object.metadata.name}`;
}
