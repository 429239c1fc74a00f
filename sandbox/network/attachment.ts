import type { KubeObject } from "../apiserver/types.ts";
import { intersectHosts } from "./routeTable.ts";

/** A listener of a Gateway. */
export interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname: string | undefined;
  /** `Same`, `All` or `Selector`. */
  readonly from: string;
  readonly selector: Record<string, string>;
}

/** A reference from a route to what it hangs on. */
export interface ParentRef {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface Verdict {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** Where a route takes effect: listeners and, for each, the hosts. Empty when it isn't accepted. */
export interface Attachment {
  readonly accepted: Verdict;
  readonly places: readonly { readonly listener: Listener; readonly hosts: readonly (string | undefined)[] }[];
}

export function listenersOf(gateway: KubeObject): Listener[] {
  return ((gateway["spec"]?.listeners ?? []) as Record<string, never>[]).map((listener) => {
    const namespaces = (listener["allowedRoutes"] as Record<string, unknown> | undefined)?.["namespaces"] as
      | { from?: string; selector?: { matchLabels?: Record<string, string> } }
      | undefined;
    return {
      name: String(listener["name"] ?? ""),
      port: Number(listener["port"] ?? 80),
      protocol: String(listener["protocol"] ?? "HTTP"),
      hostname:
        listener["hostname"] === undefined || listener["hostname"] === "" ? undefined : String(listener["hostname"]),
      from: namespaces?.from ?? "Same",
      selector: namespaces?.selector?.matchLabels ?? {},
    };
  });
}

/** Decides on which listeners of a Gateway a route hangs, and what to say when on none. */
export function attach(
  route: KubeObject,
  parent: ParentRef,
  gateway: KubeObject,
  namespaceLabels: Readonly<Record<string, string>>,
): Attachment {
  const named = listenersOf(gateway).filter(
    (listener) =>
      listener.protocol === "HTTP" &&
      (parent.sectionName === undefined || parent.sectionName === listener.name) &&
      (parent.port === undefined || parent.port === listener.port),
  );
  if (named.length === 0) {
    return refuse("NoMatchingParent", "no HTTP listener of the Gateway has the sectionName and port of this parentRef");
  }
  const allowed = named.filter((listener) => admits(listener, route, gateway, namespaceLabels));
  if (allowed.length === 0) {
    return refuse(
      "NotAllowedByListeners",
      `hostnames matched parent hostname "${named[0]?.hostname ?? ""}", but namespace "${route.metadata.namespace}" is not allowed by the parent`,
    );
  }
  const hostnames: (string | undefined)[] = route["spec"]?.hostnames ?? [];
  const wanted = hostnames.length > 0 ? hostnames : [undefined];
  const places = allowed.flatMap((listener) => {
    const hosts = wanted.flatMap((host) => {
      if (host === undefined) return [listener.hostname];
      const met = intersectHosts(listener.hostname, host);
      return met === undefined ? [] : [met];
    });
    return hosts.length === 0 ? [] : [{ listener, hosts: [...new Set(hosts)] }];
  });
  if (places.length === 0) {
    return refuse("NoMatchingListenerHostname", `no hostnames matched parent hostname "${allowed[0]?.hostname ?? ""}"`);
  }
  return { accepted: { status: "True", reason: "Accepted", message: "Route was valid" }, places };
}

function refuse(reason: string, message: string): Attachment {
  return { accepted: { status: "False", reason, message }, places: [] };
}

function admits(
  listener: Listener,
  route: KubeObject,
  gateway: KubeObject,
  namespaceLabels: Readonly<Record<string, string>>,
): boolean {
  if (listener.from === "All") return true;
  if (listener.from === "Same") return route.metadata.namespace === gateway.metadata.namespace;
  return Object.entries(listener.selector).every(([key, value]) => namespaceLabels[key] === value);
}
