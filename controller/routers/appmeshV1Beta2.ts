import {
  apexName,
  type Canary,
  canaryName,
  definedOnly,
  type Fields,
  fieldsOf,
  itemsOf,
  numberOf,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
  targetPort,
} from "../../api/index.ts";
import {
  apexRoutes,
  canaryRoute,
  discernment,
  gatewayAnnotations,
  logging,
  type MeshRoute,
  milliseconds,
  protocolOf,
  retriesOf,
} from "./appmeshRules.ts";
import { comparing } from "./comparing.ts";
import { plainMetadata, routeMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";
import { matchProblems, sentenceOf } from "./testedClients.ts";

const resource = (plural: string, kind: string): Resource => ({
  group: "appmesh.k8s.aws",
  version: "v1beta2",
  plural,
  kind,
});
const virtualNodes = resource("virtualnodes", "VirtualNode");
const virtualRouters = resource("virtualrouters", "VirtualRouter");
const virtualServices = resource("virtualservices", "VirtualService");
const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };

/** Virtual nodes for primary and canary; for apex and canary a virtual router, and a virtual service that callers know it by. */
export const appmeshV1Beta2Router: Router = comparing({
  provider: "appmesh:v1beta2",
  obstacle: (canary) => sentenceOf(matchProblems(canary, discernment)),
  watches: (canary) => [
    ...nodesOf(canary).map((name) => besideCanary(canary, virtualNodes, name)),
    ...[apexName(canary), canaryName(canary)].flatMap((name) => [
      besideCanary(canary, virtualRouters, name),
      besideCanary(canary, virtualServices, name),
    ]),
  ],
  sources: (canary) => nodesOf(canary).map((name) => besideCanary(canary, services, name)),
  read: (canary, objects) => readTargets(canary, objects(besideCanary(canary, virtualRouters, apexName(canary)))),
  render,
  // As for the first version of App Mesh.
  release: () => [],
});

function nodesOf(canary: Canary): readonly string[] {
  return [primaryName(canary), canaryName(canary)];
}

function render(canary: Canary, traffic: Traffic, objects: Objects): readonly RawObject[] {
  const apex = apexName(canary);
  return [
    ...nodesOf(canary).map((name) => virtualNode(canary, name, objects)),
    ...routed(canary, apex, apexRoutes(canary, apex, traffic), objects),
    ...routed(canary, canaryName(canary), [canaryRoute(canary)], objects),
  ];
}

/** Pods are the ones of the Service of that name, which is made before. */
function virtualNode(canary: Canary, name: string, objects: Objects): RawObject {
  const matchLabels = fieldsOf(objects(besideCanary(canary, services, name))?.["spec"])["selector"];
  const backends = (canary.spec.service?.backends ?? []).map((backend) => ({ virtualService: backendOf(backend) }));
  const protocol = protocolOf(canary);
  const limit = perRequest(canary);
  return {
    apiVersion: "appmesh.k8s.aws/v1beta2",
    kind: virtualNodes.kind,
    metadata: routeMetadata(canary, name, objects(besideCanary(canary, virtualNodes, name))),
    spec: definedOnly({
      podSelector: matchLabels === undefined ? undefined : { matchLabels },
      listeners: [
        definedOnly({
          portMapping: { port: servicePort(canary), protocol },
          timeout: limit && { [protocol]: limit },
        }),
      ],
      // The dot ends the name: without it every search domain of the pod would be tried first.
      serviceDiscovery: { dns: { hostname: `${name}.${canary.metadata.namespace ?? ""}.svc.cluster.local.` } },
      backends: backends.length > 0 ? backends : undefined,
      logging: logging(canary),
    }),
  };
}

function backendOf(backend: string): Fields {
  return backend.startsWith("arn:aws") ? { virtualServiceARN: backend } : { virtualServiceRef: { name: backend } };
}

function perRequest(canary: Canary): Fields | undefined {
  const value = milliseconds(canary.spec.service?.timeout);
  return value === undefined ? undefined : { perRequest: { unit: "ms", value } };
}

function routed(canary: Canary, name: string, routes: readonly MeshRoute[], objects: Objects): readonly RawObject[] {
  const annotations = name === apexName(canary) ? gatewayAnnotations(canary) : undefined;
  const port = Number(targetPort(canary)) || servicePort(canary);
  return [
    {
      apiVersion: "appmesh.k8s.aws/v1beta2",
      kind: virtualRouters.kind,
      metadata: plainMetadata(canary, name, objects(besideCanary(canary, virtualRouters, name))),
      spec: {
        listeners: [{ portMapping: { port, protocol: protocolOf(canary) } }],
        routes: routes.map((route) => routeOf(canary, route)),
      },
    },
    {
      apiVersion: "appmesh.k8s.aws/v1beta2",
      kind: virtualServices.kind,
      metadata: {
        ...plainMetadata(canary, name, objects(besideCanary(canary, virtualServices, name))),
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: { provider: { virtualRouter: { virtualRouterRef: { name } } } },
    },
  ];
}

function routeOf(canary: Canary, { name, priority, match, targets }: MeshRoute): Fields {
  const retries = retriesOf(canary);
  const retryPolicy = retries && {
    httpRetryEvents: retries.events,
    maxRetries: retries.attempts,
    perRetryTimeout: { unit: "ms", value: retries.tryMs },
  };
  const weightedTargets = targets.map(([node, weight]) => ({ virtualNodeRef: { name: node }, weight }));
  const httpRoute = definedOnly({ match, timeout: perRequest(canary), retryPolicy, action: { weightedTargets } });
  return definedOnly({ name, priority, httpRoute });
}

function readTargets(canary: Canary, live: RawObject | undefined): RouteState {
  const [route] = itemsOf(fieldsOf(live?.["spec"])["routes"]);
  const targets = itemsOf(fieldsOf(fieldsOf(route?.["httpRoute"])["action"])["weightedTargets"]);
  const weightOf = (name: string): number => {
    const target = targets.find((each) => fieldsOf(each["virtualNodeRef"])["name"] === name);
    return Math.max(0, numberOf(target?.["weight"]) ?? 0);
  };
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
