import type { Client, KubeObject } from "../apiserver/types.ts";
import { type Listener, listenersOf, type ParentRef, type Verdict } from "./attachment.ts";
import { type Condition, conditions, sameJson } from "./conditions.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP, type GatewayWorld } from "./gatewayWorld.ts";

/** What is known of one parent of a route after a rebuild. */
export interface ParentState {
  readonly parentRef: ParentRef;
  readonly accepted: Verdict;
  readonly resolved: Verdict;
}

interface ParentStatus {
  parentRef: ParentRef;
  controllerName: string;
  conditions?: Condition[];
}

/** Name of the Service in front of a Gateway, as Istio makes it. */
export function serviceNameOf(gateway: KubeObject): string {
  return `${gateway.metadata.name}-istio`;
}

/** Writes `status.parents` of a route where it differs; entries of other controllers stay. */
export async function publishRoute(
  client: Client,
  route: KubeObject,
  states: readonly ParentState[],
  now: Date,
): Promise<void> {
  const before: ParentStatus[] = route["status"]?.parents ?? [];
  const mine = states.map(({ parentRef, accepted, resolved }) => {
    const known = before.find((one) => one.controllerName === CONTROLLER_NAME && sameJson(one.parentRef, parentRef));
    const verdicts = { Accepted: accepted, ResolvedRefs: resolved };
    return {
      parentRef,
      controllerName: CONTROLLER_NAME,
      conditions: conditions(verdicts, route.metadata.generation ?? 1, known?.conditions, now),
    };
  });
  const parents = [...mine, ...before.filter((one) => one.controllerName !== CONTROLLER_NAME)];
  if (sameJson(parents, before)) return;
  await writeStatus(client, `httproutes.${GATEWAY_GROUP}`, route, { parents });
}

/** Writes the status of a Gateway where it differs. `attached` counts routes by listener name. */
export async function publishGateway(
  client: Client,
  gateway: KubeObject,
  listening: boolean,
  attached: ReadonlyMap<string, number>,
  now: Date,
): Promise<void> {
  const generation = gateway.metadata.generation ?? 1;
  const before = gateway["status"] as
    | { conditions?: Condition[]; listeners?: { name: string; conditions?: Condition[] }[] }
    | undefined;
  const programmed: Verdict = listening
    ? {
        status: "True",
        reason: "Programmed",
        message: `Resource programmed, assigned to service(s) ${serviceNameOf(gateway)}.${gateway.metadata.namespace}.svc.cluster.local`,
      }
    : { status: "False", reason: "Pending", message: "The port is not open yet" };
  const accepted: Verdict = { status: "True", reason: "Accepted", message: "Resource accepted" };
  const status = {
    addresses: [{ type: "Hostname", value: "localhost" }],
    conditions: conditions({ Accepted: accepted, Programmed: programmed }, generation, before?.conditions, now),
    listeners: listenersOf(gateway).map((listener) => ({
      name: listener.name,
      supportedKinds: [{ group: GATEWAY_GROUP, kind: "HTTPRoute" }],
      attachedRoutes: attached.get(listener.name) ?? 0,
      conditions: conditions(
        listenerVerdicts(listener),
        generation,
        before?.listeners?.find((one) => one.name === listener.name)?.conditions,
        now,
      ),
    })),
  };
  if (sameJson(status, before)) return;
  await writeStatus(client, `gateways.${GATEWAY_GROUP}`, gateway, status);
}

function listenerVerdicts(listener: Listener): Record<string, Verdict> {
  const noErrors = { reason: "NoConflicts", message: "No errors found" };
  if (listener.protocol !== "HTTP") {
    const message = `protocol ${listener.protocol} is not supported by the sandbox: use HTTP`;
    return {
      Accepted: { status: "False", reason: "UnsupportedProtocol", message },
      Programmed: { status: "False", reason: "Invalid", message },
      Conflicted: { status: "False", ...noErrors },
      ResolvedRefs: { status: "True", reason: "ResolvedRefs", message: "No errors found" },
    };
  }
  return {
    Accepted: { status: "True", reason: "Accepted", message: "No errors found" },
    Programmed: { status: "True", reason: "Programmed", message: "No errors found" },
    Conflicted: { status: "False", ...noErrors },
    ResolvedRefs: { status: "True", reason: "ResolvedRefs", message: "No errors found" },
  };
}

/** Makes the class `istio`, as Istio does when it starts, and accepts the GatewayClasses that name our controller. */
export async function publishClasses(client: Client, world: GatewayWorld, now: Date): Promise<void> {
  if (world.servesClasses() && !world.classes.has("/istio")) {
    await client.create(`gatewayclasses.${GATEWAY_GROUP}`, {
      apiVersion: `${GATEWAY_GROUP}/v1`,
      kind: "GatewayClass",
      metadata: { name: "istio" },
      spec: { controllerName: CONTROLLER_NAME, description: "The gateway of the sandbox, which stands in for Istio's" },
    });
  }
  for (const gatewayClass of world.classes.values()) {
    if (gatewayClass["spec"]?.controllerName !== CONTROLLER_NAME) continue;
    const before = gatewayClass["status"]?.conditions as Condition[] | undefined;
    const accepted: Verdict = { status: "True", reason: "Accepted", message: "Handled by the sandbox's gateway" };
    const next = conditions({ Accepted: accepted }, gatewayClass.metadata.generation ?? 1, before, now);
    if (sameJson(next, before)) continue;
    await writeStatus(client, `gatewayclasses.${GATEWAY_GROUP}`, gatewayClass, { conditions: next });
  }
}

/**
 * The Service in front of a Gateway. Its cluster port is the listener's; the port on loopback, which a user outside needs,
 * stands in the load balancer's status.
 */
export async function publishService(
  client: Client,
  gateway: KubeObject,
  live: KubeObject | undefined,
  loopbackPorts: ReadonlyMap<number, number>,
): Promise<void> {
  const namespace = gateway.metadata.namespace ?? "";
  const name = serviceNameOf(gateway);
  const ports = [...loopbackPorts.keys()].map((port) => ({ name: `http-${port}`, port, protocol: "TCP" }));
  if (ports.length === 0) return;
  if (live === undefined) {
    await client.create("services", serviceOf(gateway, name, ports));
  } else if (!sameJson(portNumbers(live["spec"]?.ports), portNumbers(ports))) {
    await client.patch("services", namespace, name, "merge", { spec: { ports } });
  }
  const open = [...loopbackPorts.values()].map((port) => ({ port, protocol: "TCP" }));
  const loadBalancer = { ingress: [{ hostname: "localhost", ports: open }] };
  if (sameJson(live?.["status"]?.loadBalancer, loadBalancer)) return;
  await client.patch("services", namespace, name, "merge", { status: { loadBalancer } }, "status");
}

function serviceOf(gateway: KubeObject, name: string, ports: readonly unknown[]): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: gateway.metadata.namespace ?? "",
      labels: { "gateway.networking.k8s.io/gateway-name": gateway.metadata.name ?? "" },
      ownerReferences: [
        {
          apiVersion: gateway.apiVersion,
          kind: "Gateway",
          name: gateway.metadata.name ?? "",
          uid: gateway.metadata.uid ?? "",
        },
      ],
    },
    spec: { type: "LoadBalancer", ports },
  };
}

function portNumbers(ports: { port: number }[] | undefined): number[] {
  return (ports ?? []).map(({ port }) => port);
}

async function writeStatus(client: Client, key: string, object: KubeObject, status: unknown): Promise<void> {
  const { namespace, name } = object.metadata;
  await client.patch(key, namespace ?? "", name ?? "", "merge", { status }, "status");
}
