import {
  apexName,
  type Canary,
  canaryName,
  definedOnly,
  type Fields,
  fieldsOf,
  itemsOf,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import {
  apexRoutes,
  canaryRoute,
  discernment,
  gatewayAnnotations,
  logging,
  type MeshRoute,
  protocolOf,
  retriesOf,
} from "./appmeshRules.ts";
import { comparing } from "./comparing.ts";
import { plainMetadata, routeMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";
import { matchProblems, sentenceOf } from "./testedClients.ts";

const group = "appmesh.k8s.aws";
const version = "v1beta1";
const virtualNodes: Resource = { group, version, plural: "virtualnodes", kind: "VirtualNode" };
const virtualServices: Resource = { group, version, plural: "virtualservices", kind: "VirtualService" };

/** Virtual nodes for apex, primary and canary, and virtual services with their routes for apex and canary, by full names. */
export const appmeshRouter: Router = comparing({
  provider: "appmesh",
  obstacle: (canary) =>
    sentenceOf([
      ...(canary.spec.service?.meshName ? [] : ["service.meshName must name the mesh"]),
      ...matchProblems(canary, discernment),
    ]),
  watches: (canary) => [...nodesOf(canary).map(([name]) => nodeRef(canary, name)), apexRef(canary), canaryRef(canary)],
  read: (canary, objects) => readTargets(canary, objects(apexRef(canary))),
  render: (canary, traffic, objects) => render(canary, traffic, objects),
  // Callers know the virtual services by name, and lose them with the Canary: there is no node behind the apex Service alone.
  release: () => [],
});

/** Virtual nodes and the Service that each stands for. */
function nodesOf(canary: Canary): readonly (readonly [name: string, service: string])[] {
  return [
    [apexName(canary), primaryName(canary)],
    [primaryName(canary), primaryName(canary)],
    [canaryName(canary), canaryName(canary)],
  ];
}

function nodeRef(canary: Canary, name: string): ObjectRef {
  return besideCanary(canary, virtualNodes, name);
}

function apexRef(canary: Canary): ObjectRef {
  return besideCanary(canary, virtualServices, fullName(canary, apexName(canary)));
}

function canaryRef(canary: Canary): ObjectRef {
  return besideCanary(canary, virtualServices, fullName(canary, canaryName(canary)));
}

function fullName(canary: Canary, name: string): string {
  return `${name}.${canary.metadata.namespace ?? ""}`;
}

function render(canary: Canary, traffic: Traffic, objects: Objects): readonly RawObject[] {
  const apex = apexName(canary);
  return [
    ...nodesOf(canary).map(([name, service]) => virtualNode(canary, name, service, objects)),
    virtualService(canary, apexRef(canary), apex, apexRoutes(canary, apex, traffic), objects),
    virtualService(canary, canaryRef(canary), canaryName(canary), [canaryRoute(canary)], objects),
  ];
}

function virtualNode(canary: Canary, name: string, service: string, objects: Objects): RawObject {
  const backends = (canary.spec.service?.backends ?? []).map((virtualServiceName) => ({
    virtualService: { virtualServiceName },
  }));
  return {
    apiVersion: `${group}/${version}`,
    kind: virtualNodes.kind,
    metadata: routeMetadata(canary, name, objects(nodeRef(canary, name))),
    spec: definedOnly({
      meshName: canary.spec.service?.meshName,
      listeners: listeners(canary),
      serviceDiscovery: { dns: { hostName: fullName(canary, service) } },
      backends: backends.length > 0 ? backends : undefined,
      logging: logging(canary),
    }),
  };
}

function listeners(canary: Canary): readonly Fields[] {
  return [{ portMapping: { port: servicePort(canary), protocol: protocolOf(canary) } }];
}

function virtualService(
  canary: Canary,
  ref: ObjectRef,
  router: string,
  routes: readonly MeshRoute[],
  objects: Objects,
): RawObject {
  const annotations = router === apexName(canary) ? gatewayAnnotations(canary) : undefined;
  return {
    apiVersion: `${group}/${version}`,
    kind: virtualServices.kind,
    metadata: {
      ...plainMetadata(canary, ref.name, objects(ref)),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: definedOnly({
      meshName: canary.spec.service?.meshName,
      virtualRouter: { name: router, listeners: listeners(canary) },
      routes: routes.map((route) => routeOf(canary, route)),
    }),
  };
}

function routeOf(canary: Canary, { name, priority, match, targets }: MeshRoute): Fields {
  const retries = retriesOf(canary);
  const retryPolicy = retries && {
    perRetryTimeoutMillis: retries.tryMs,
    maxRetries: retries.attempts,
    httpRetryEvents: retries.events,
  };
  const weightedTargets = targets.map(([virtualNodeName, weight]) => ({ virtualNodeName, weight }));
  return definedOnly({ name, priority, http: definedOnly({ match, retryPolicy, action: { weightedTargets } }) });
}

function readTargets(canary: Canary, live: RawObject | undefined): RouteState {
  const [route] = itemsOf(fieldsOf(live?.["spec"])["routes"]);
  const targets = itemsOf(fieldsOf(fieldsOf(route?.["http"])["action"])["weightedTargets"]);
  const weightOf = (name: string): number =>
    Math.max(0, numberOf(targets.find((target) => target["virtualNodeName"] === name)?.["weight"]) ?? 0);
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
