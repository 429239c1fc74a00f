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
  parseDuration,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { releasedMetadata, routeMetadata } from "./metadata.ts";
import { besideCanary, type Router, type RouteState, trafficOf } from "./router.ts";
import { type Condition, matchProblems, sentenceOf, type TestedClients, testedClients } from "./testedClients.ts";

const httpProxies: Resource = { group: "projectcontour.io", version: "v1", plural: "httpproxies", kind: "HTTPProxy" };

const discernment = {
  name: "contour",
  headers: ["exact", "prefix", "suffix", "regex"],
  queryParams: ["exact", "prefix", "suffix", "regex"],
} as const;

/** What Contour retries on; its definition refuses anything else. */
const retryReasons =
  "5xx gateway-error reset reset-before-request connect-failure envoy-ratelimited retriable-4xx refused-stream retriable-status-codes retriable-headers http3-post-connect-failure cancelled deadline-exceeded internal resource-exhausted unavailable".split(
    " ",
  );

/** An HTTPProxy named as the apex Service, which the user's own includes. Its routes are ours; other fields stay with whoever wrote them. */
export const contourRouter: Router = comparing({
  provider: "contour",
  obstacle: (canary) => sentenceOf(matchProblems(canary, discernment)),
  watches: (canary) => [refOf(canary)],
  read: (canary, objects) => readRoutes(canary, objects(refOf(canary))),
  render: (canary, traffic, objects) => [
    {
      apiVersion: "projectcontour.io/v1",
      kind: httpProxies.kind,
      metadata: routeMetadata(canary, apexName(canary), objects(refOf(canary))),
      spec: { routes: routesFor(canary, traffic) },
    },
  ],
  release: (canary, objects) =>
    objects(refOf(canary)) === undefined
      ? []
      : [
          {
            apiVersion: "projectcontour.io/v1",
            kind: httpProxies.kind,
            metadata: releasedMetadata(canary, apexName(canary)),
            spec: { routes: [route(canary, [{ prefix: prefixOf(canary) }], [[apexName(canary), 100]])] },
          },
        ],
});

function refOf(canary: Canary): ObjectRef {
  return besideCanary(canary, httpProxies, apexName(canary));
}

function routesFor(canary: Canary, traffic: Traffic): readonly Fields[] {
  const prefix = { prefix: prefixOf(canary) };
  const split = [
    [primaryName(canary), traffic.primary],
    [canaryName(canary), traffic.canary],
  ] as const;
  const tests = testedClients(canary);
  if (tests.length === 0) {
    return [route(canary, [prefix], split)];
  }
  const others = [
    [primaryName(canary), 100],
    [canaryName(canary), 0],
  ] as const;
  return [
    ...tests.map((test) => route(canary, [prefix, ...conditionsOf(test)], split)),
    route(canary, [prefix], others),
  ];
}

function prefixOf(canary: Canary): string {
  return canary.spec.service?.match?.[0]?.uri?.prefix ?? "/";
}

function conditionsOf({ headers, queryParams }: TestedClients): readonly Fields[] {
  return [
    ...headers.map(([name, match]) => ({ header: { name, ...headerMatch(match) } })),
    ...queryParams.map(([name, match]) => ({ queryParameter: { name, ...match } })),
  ];
}

/** Contour knows no beginning and no end of a header: what contains it comes close, and is what these Canaries have always meant. */
function headerMatch({ exact, prefix, suffix, regex }: Condition[1]): Fields {
  if (exact !== undefined) return { exact };
  return regex === undefined ? { contains: prefix ?? suffix } : { regex };
}

function route(canary: Canary, conditions: readonly Fields[], split: readonly (readonly [string, number])[]): Fields {
  const { timeout, retries } = canary.spec.service ?? {};
  return definedOnly({
    conditions,
    timeoutPolicy: parseDuration(timeout) === undefined ? undefined : { response: timeout, idle: "5m" },
    retryPolicy: retries && retryPolicy(retries),
    services: split.map(([name, weight]) => service(canary, name, weight)),
  });
}

/** The count is written out: it would be filled in otherwise. Reasons that Contour does not know would make it refuse the route. */
function retryPolicy(retries: NonNullable<NonNullable<Canary["spec"]["service"]>["retries"]>): Fields {
  const reasons = (retries.retryOn ?? "").split(",").map((reason) => reason.trim());
  const known = reasons.filter((reason) => retryReasons.includes(reason));
  return definedOnly({
    count: retries.attempts ?? 1,
    perTryTimeout: parseDuration(retries.perTryTimeout) === undefined ? undefined : retries.perTryTimeout,
    retryOn: known.length > 0 ? known : undefined,
  });
}

/** With the header that sends requests on through Linkerd, where that is installed too. */
function service(canary: Canary, name: string, weight: number): Fields {
  const port = servicePort(canary);
  const value = `${name}.${canary.metadata.namespace ?? ""}.svc.cluster.local:${port}`;
  return { name, port, weight, requestHeadersPolicy: { set: [{ name: "l5d-dst-override", value }] } };
}

function readRoutes(canary: Canary, live: RawObject | undefined): RouteState {
  const services = itemsOf(itemsOf(fieldsOf(live?.["spec"])["routes"])[0]?.["services"]);
  const weightOf = (name: string): number =>
    Math.max(0, numberOf(services.find((each) => each["name"] === name)?.["weight"]) ?? 0);
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
