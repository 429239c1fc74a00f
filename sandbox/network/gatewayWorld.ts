import type { Client, KubeObject } from "../apiserver/types.ts";
import type { Directory } from "./directory.ts";
import type { BackendJudge, BackendRef } from "./gatewayRoutes.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";
/** The controller name that Istio writes into statuses. */
export const CONTROLLER_NAME = "istio.io/gateway-controller";

/** The objects of Gateway API, as watched. */
export interface GatewayWorld {
  readonly classes: ReadonlyMap<string, KubeObject>;
  /** Whether GatewayClasses can be written: their definition is installed. */
  servesClasses(): boolean;
  /** Gateways of a class that is ours. */
  gateways(): KubeObject[];
  gateway(namespace: string, name: string): KubeObject | undefined;
  /** In alphabetical order, which is how ties between routes are broken. */
  routes(): KubeObject[];
  namespaceLabels(name: string): Readonly<Record<string, string>>;
  readonly judge: BackendJudge;
  stop(): void;
}

interface Grant {
  from?: { group: string; kind: string; namespace: string }[];
  to?: { group: string; kind: string; name?: string }[];
}

/** Watches everything that decides about gateways; `changed` is called after each change, possibly often. */
export function watchGatewayWorld(client: Client, directory: Directory, changed: () => void): GatewayWorld {
  const stops: (() => void)[] = [];
  const collect = (key: string): ReadonlyMap<string, KubeObject> => {
    const objects = new Map<string, KubeObject>();
    stops.push(
      client.watch(key, ({ type, object }) => {
        const id = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
        if (type === "DELETED") objects.delete(id);
        else objects.set(id, object);
        changed();
      }),
    );
    return objects;
  };
  const classes = collect(`gatewayclasses.${GATEWAY_GROUP}`);
  const gateways = collect(`gateways.${GATEWAY_GROUP}`);
  const routes = collect(`httproutes.${GATEWAY_GROUP}`);
  const grants = collect(`referencegrants.${GATEWAY_GROUP}`);
  const namespaces = collect("namespaces");
  const definitions = collect("customresourcedefinitions.apiextensions.k8s.io");
  directory.onServices(changed);

  const isOurs = (gateway: KubeObject): boolean => {
    const name = gateway["spec"]?.gatewayClassName;
    const found = classes.get(`/${name}`);
    return found === undefined ? name === "istio" : found["spec"]?.controllerName === CONTROLLER_NAME;
  };
  const granted = (reference: BackendRef, from: string): boolean =>
    [...grants.values()].some((grant) => {
      const spec = grant["spec"] as Grant | undefined;
      if (grant.metadata.namespace !== reference.namespace) return false;
      const fromHere = spec?.from?.some((one) => one.kind === "HTTPRoute" && one.namespace === from) === true;
      const toIt = spec?.to?.some((one) => one.kind === "Service" && (one.name ?? reference.name) === reference.name);
      return fromHere && toIt === true;
    });

  return {
    classes,
    servesClasses: () => {
      const conditions: { type: string; status: string }[] =
        definitions.get(`/gatewayclasses.${GATEWAY_GROUP}`)?.["status"]?.conditions ?? [];
      return conditions.some((condition) => condition.type === "Established" && condition.status === "True");
    },
    gateways: () => [...gateways.values()].filter(isOurs),
    gateway: (namespace, name) => {
      const found = gateways.get(`${namespace}/${name}`);
      return found !== undefined && isOurs(found) ? found : undefined;
    },
    routes: () => [...routes.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, route]) => route),
    namespaceLabels: (name) => namespaces.get(`/${name}`)?.metadata.labels ?? {},
    judge: {
      problem: (reference, from) => {
        const kind = reference.kind ?? "Service";
        const namespace = reference.namespace ?? from;
        if (kind !== "Service" || (reference.group ?? "") !== "") {
          return {
            reason: "InvalidKind",
            message: `referencing unsupported backendRef: group "${reference.group ?? ""}" kind "${kind}"`,
          };
        }
        if (namespace !== from && !granted(reference, from)) {
          return {
            reason: "RefNotPermitted",
            message: `backendRef ${reference.name}/${namespace} not accessible to a HTTPRoute in namespace "${from}" (missing a ReferenceGrant?)`,
          };
        }
        if (directory.service(namespace, reference.name) === undefined) {
          return {
            reason: "BackendNotFound",
            message: `backend(${reference.name}.${namespace}.svc.cluster.local) not found`,
          };
        }
        return undefined;
      },
    },
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}
