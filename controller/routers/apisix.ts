import {
  apexName,
  type Canary,
  canaryName,
  type Fields,
  fieldsOf,
  itemsOf,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  type Traffic,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { copiedMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

const apisixRoutes: Resource = {
  group: "apisix.apache.org",
  version: "v2",
  plural: "apisixroutes",
  kind: "ApisixRoute",
};

/** Wins over the user's route for the same requests. */
const preferred = 10_000;

/**
 * A second ApisixRoute, which takes the requests of the user's rule for the apex Service away from it. The user's own is never
 * written, and serves again when ours is gone.
 */
export const apisixRouter: Router = comparing(
  {
    provider: "apisix",
    obstacle,
    watches: (canary) => [canaryRouteRef(canary)],
    sources: (canary) => [sourceRef(canary)],
    read: (canary, objects) => readBackends(canary, objects(canaryRouteRef(canary))),
    render: (canary, { primary, canary: share }: Traffic, objects) =>
      routeOf(canary, objects, [
        [primaryName(canary), primary],
        [canaryName(canary), share],
      ]),
    release: (canary, objects) =>
      objects(canaryRouteRef(canary)) === undefined ? [] : routeOf(canary, objects, [[apexName(canary), 100]]),
  },
  new Set(["http", "stream"]),
);

function sourceRef(canary: Canary): ObjectRef {
  return besideCanary(canary, apisixRoutes, canary.spec.routeRef?.name ?? "");
}

function canaryRouteRef(canary: Canary): ObjectRef {
  return besideCanary(canary, apisixRoutes, `${sourceRef(canary).name}-${apexName(canary)}-canary`);
}

/** The user's rule for the apex Service: the first one that leads to it. */
function ruleOf(canary: Canary, source: RawObject): Fields | undefined {
  return itemsOf(fieldsOf(source["spec"])["http"]).find((rule) =>
    itemsOf(rule["backends"]).some((backend) => backend["serviceName"] === apexName(canary)),
  );
}

function obstacle(canary: Canary, objects: Objects): string | undefined {
  const ref = sourceRef(canary);
  const fullName = `ApisixRoute ${ref.name}.${ref.namespace}`;
  const source = objects(ref);
  if (source === undefined) {
    return `${fullName} not found`;
  }
  const rule = ruleOf(canary, source);
  if (rule === undefined) {
    return `${fullName} has no http rule with backend ${apexName(canary)}`;
  }
  const alone = itemsOf(rule["backends"]).length === 1;
  return alone ? undefined : `${fullName} rule ${String(rule["name"])} must have one backend, ${apexName(canary)}`;
}

function routeOf(
  canary: Canary,
  objects: Objects,
  split: readonly (readonly [serviceName: string, weight: number])[],
): readonly RawObject[] {
  const ref = canaryRouteRef(canary);
  const source = objects(sourceRef(canary));
  const rule = source && ruleOf(canary, source);
  if (source === undefined || rule === undefined) {
    return [];
  }
  const [backend] = itemsOf(rule["backends"]);
  const backends = split.map(([serviceName, weight]) => ({ ...backend, serviceName, weight }));
  return [
    {
      apiVersion: "apisix.apache.org/v2",
      kind: apisixRoutes.kind,
      metadata: copiedMetadata(canary, ref.name, { of: source, live: objects(ref), dropped: () => false }),
      spec: {
        ...fieldsOf(source["spec"]),
        http: [{ websocket: false, ...rule, priority: preferred, backends }],
      },
    },
  ];
}

function readBackends(canary: Canary, live: RawObject | undefined): RouteState {
  const backends = itemsOf(fieldsOf(live?.["spec"])["http"]).flatMap((rule) => itemsOf(rule["backends"]));
  const weightOf = (name: string): number =>
    Math.max(0, numberOf(backends.find((each) => each["serviceName"] === name)?.["weight"]) ?? 0);
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
