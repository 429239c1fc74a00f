import {
  type Canary,
  canaryName,
  definedOnly,
  type Fields,
  parseDuration,
  primaryName,
  type Traffic,
} from "../../api/index.ts";
import { type TestedClients, testedClients } from "./testedClients.ts";

export const discernment = {
  name: "appmesh",
  headers: ["exact", "prefix", "suffix", "regex"],
  queryParams: [],
} as const;

/** One route of a virtual router, in words that both versions of App Mesh put into their own shapes. */
export interface MeshRoute {
  readonly name: string;
  readonly priority?: number;
  readonly match: Fields;
  readonly targets: readonly (readonly [node: string, weight: number])[];
}

/** The routes to the apex Service. In A/B testing the smaller number is asked first. */
export function apexRoutes(canary: Canary, name: string, traffic: Traffic): readonly MeshRoute[] {
  const match = { prefix: canary.spec.service?.match?.[0]?.uri?.prefix ?? "/" };
  const targets = [
    [canaryName(canary), traffic.canary],
    [primaryName(canary), traffic.primary],
  ] as const;
  const tests = testedClients(canary);
  if (tests.length === 0) {
    return [{ name, match, targets }];
  }
  return [
    ...tests.map((test, index) => ({
      name: index === 0 ? `${name}-a` : `${name}-a${index + 1}`,
      priority: 10 + index,
      match: { ...match, headers: headersOf(test) },
      targets,
    })),
    { name: `${name}-b`, priority: Math.max(20, 10 + tests.length), match, targets: [[primaryName(canary), 100]] },
  ];
}

/** The route of callers that ask for the canary by name. */
export function canaryRoute(canary: Canary): MeshRoute {
  return {
    name: canaryName(canary),
    match: { prefix: canary.spec.service?.match?.[0]?.uri?.prefix ?? "/" },
    targets: [
      [canaryName(canary), 100],
      [primaryName(canary), 0],
    ],
  };
}

function headersOf({ headers }: TestedClients): readonly Fields[] {
  return headers.map(([name, match]) => ({ name, match }));
}

export function protocolOf(canary: Canary): "grpc" | "http" {
  return canary.spec.service?.portName?.includes("grpc") === true ? "grpc" : "http";
}

/** Whole milliseconds; undefined when the text is no duration. */
export function milliseconds(text: string | undefined): number | undefined {
  const duration = parseDuration(text);
  return duration === undefined ? undefined : Math.round(duration);
}

const retryEvents = ["server-error", "gateway-error", "client-error", "stream-error"];

/** Retries with what is said where the Canary is silent; undefined when it asks for none. */
export function retriesOf(
  canary: Canary,
): { readonly events: readonly string[]; readonly attempts: number; readonly tryMs: number } | undefined {
  const retries = canary.spec.service?.retries;
  if (retries === undefined) {
    return undefined;
  }
  const asked = (retries.retryOn ?? "").split(",").map((event) => event.trim());
  const events = asked.filter((event) => retryEvents.includes(event));
  return {
    events: events.length > 0 ? events : ["gateway-error"],
    attempts: retries.attempts || 1,
    tryMs: milliseconds(retries.perTryTimeout) ?? 250,
  };
}

/** What gateways of the mesh look at: hosts make a virtual service one of theirs. */
export function gatewayAnnotations(canary: Canary): Readonly<Record<string, string>> | undefined {
  const { hosts = [], timeout, retries } = canary.spec.service ?? {};
  if (hosts.length === 0) {
    return undefined;
  }
  const attempts = retries?.attempts ?? 0;
  const prefix = "gateway.appmesh.k8s.aws";
  return definedOnly({
    [`${prefix}/expose`]: "true",
    [`${prefix}/domain`]: hosts.map((host) => `${host},`).join(""),
    [`${prefix}/timeout`]: timeout || undefined,
    [`${prefix}/retries`]: attempts > 0 ? String(attempts) : undefined,
  }) as Readonly<Record<string, string>>;
}

/** Where the proxies of a virtual node write what they did, if the Canary asks for it. */
export function logging(canary: Canary): Fields | undefined {
  return canary.metadata.annotations?.["appmesh.flagger.app/accesslog"] === "enabled"
    ? { accessLog: { file: { path: "/dev/stdout" } } }
    : undefined;
}
