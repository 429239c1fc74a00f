import { ApiError, type Client, type KubeObject } from "../apiserver/types.ts";
import { type Attachment, attach, listenersOf, type ParentRef, type Verdict } from "./attachment.ts";
import type { Directory } from "./directory.ts";
import { handleTraffic, type Listening, listen } from "./entryPoint.ts";
import type { Forwarder } from "./forward.ts";
import { backendRefsOf, readHttpRoute } from "./gatewayRoutes.ts";
import {
  type ParentState,
  publishClasses,
  publishGateway,
  publishRoute,
  publishService,
  serviceNameOf,
} from "./gatewayStatus.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP, watchGatewayWorld } from "./gatewayWorld.ts";
import type { Entry } from "./model.ts";
import { createRouteTable, type RouteTable } from "./routeTable.ts";
import type { Observe } from "./telemetry.ts";
import { createWheels } from "./wheel.ts";

/** A gateway that listens. */
export interface GatewayAddress {
  readonly namespace: string;
  readonly name: string;
  readonly service: string;
  /** The listener's port inside the cluster. */
  readonly port: number;
  readonly url: string;
}

export interface Gateways {
  list(): GatewayAddress[];
  /** The loopback port behind a gateway's Service. */
  portOf(namespace: string, service: string, port: number): number | undefined;
  /** The loopback port of a gateway with a route for exactly this host, as if DNS pointed there. */
  portForHost(host: string): number | undefined;
  /** Resolves when everything seen so far is in effect and written to statuses. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface GatewaysOptions {
  readonly client: Client;
  readonly directory: Directory;
  readonly forwarder: Forwarder;
  readonly observerFor: (workload: string, namespace: string) => Observe;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  readonly clock: () => Date;
  readonly opened: (gateway: GatewayAddress) => void;
}

/** One open port of one gateway. */
interface Door {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  routes: RouteTable;
  listening: Listening | undefined;
}

interface Plan {
  readonly entries: Map<string, Entry[]>;
  readonly attached: Map<string, Map<string, number>>;
  readonly parents: Map<KubeObject, ParentState[]>;
}

const EMPTY = createRouteTable([]);

/** Carries out Gateways and HTTPRoutes: opens ports, swaps route tables, writes statuses. Traffic changes before the status says so. */
export function startGateways(options: GatewaysOptions): Gateways {
  const { client, directory, clock, log } = options;
  const doors = new Map<string, Door>();
  const wheels = createWheels();
  let stopped = false;
  let noticed = false;
  let queued = false;
  let work: Promise<void> = Promise.resolve();

  /** Traffic turns with the change itself; ports and statuses follow, in one pass for all changes that came meanwhile. */
  const notice = (): void => {
    if (noticed || stopped) return;
    noticed = true;
    queueMicrotask(() => {
      noticed = false;
      if (stopped) return;
      turnTraffic();
      if (queued) return;
      queued = true;
      work = work.then(async () => {
        queued = false;
        if (!stopped) await follow();
      });
    });
  };
  const world = watchGatewayWorld(client, directory, notice);

  const turnTraffic = (): Plan => {
    const plan = planRoutes();
    for (const [id, door] of doors) door.routes = createRouteTable(plan.entries.get(id) ?? []);
    return plan;
  };

  const follow = async (): Promise<void> => {
    try {
      const wanted = wantedDoors();
      for (const [id, door] of doors) if (!wanted.has(id)) await closeDoor(id, door);
      for (const [id, { gateway, port }] of wanted) if (!doors.has(id)) await openDoor(id, gateway, port);
      await publish(turnTraffic());
    } catch (error) {
      log("gateways are not up to date", { error: String(error) });
    }
  };

  const wantedDoors = (): Map<string, { gateway: KubeObject; port: number }> => {
    const wanted = new Map<string, { gateway: KubeObject; port: number }>();
    for (const gateway of world.gateways()) {
      for (const listener of listenersOf(gateway)) {
        if (listener.protocol === "HTTP") wanted.set(doorId(gateway, listener.port), { gateway, port: listener.port });
      }
    }
    return wanted;
  };

  const openDoor = async (id: string, gateway: KubeObject, port: number): Promise<void> => {
    const namespace = gateway.metadata.namespace ?? "";
    const door: Door = {
      namespace,
      name: gateway.metadata.name ?? "",
      port,
      routes: EMPTY,
      listening: undefined,
    };
    doors.set(id, door);
    door.listening = await listen(
      handleTraffic({
        routes: () => door.routes,
        forwarder: options.forwarder,
        wheels,
        observe: options.observerFor(serviceNameOf(gateway), namespace),
        publicPort: port,
      }),
    );
    for (const address of addressOf(door)) {
      log("gateway listens", { ...address });
      options.opened(address);
    }
  };

  const closeDoor = async (id: string, door: Door): Promise<void> => {
    doors.delete(id);
    await door.listening?.close();
  };

  const planRoutes = (): Plan => {
    const plan: Plan = { entries: new Map(), attached: new Map(), parents: new Map() };
    for (const route of world.routes()) {
      const states: ParentState[] = [];
      for (const parentRef of (route["spec"]?.parentRefs ?? []) as ParentRef[]) {
        if ((parentRef.kind ?? "Gateway") !== "Gateway" || (parentRef.group ?? GATEWAY_GROUP) !== GATEWAY_GROUP)
          continue;
        const gateway = world.gateway(parentRef.namespace ?? route.metadata.namespace ?? "", parentRef.name);
        if (gateway === undefined) continue;
        const attachment = attach(route, parentRef, gateway, world.namespaceLabels(route.metadata.namespace ?? ""));
        const accepted = hang(plan, route, gateway, attachment);
        states.push({ parentRef, accepted, resolved: resolvedVerdict(route) });
      }
      plan.parents.set(route, states);
    }
    return plan;
  };

  /** Puts the route's rules into the plan; rules that can't be carried out make it "not accepted". */
  const hang = (plan: Plan, route: KubeObject, gateway: KubeObject, attachment: Attachment): Verdict => {
    try {
      for (const { listener, hosts } of attachment.places) {
        const id = doorId(gateway, listener.port);
        const entries = hosts.flatMap((host) => readHttpRoute(route, host, world.judge));
        plan.entries.set(id, [...(plan.entries.get(id) ?? []), ...entries]);
        const counts = plan.attached.get(idOf(gateway)) ?? new Map<string, number>();
        counts.set(listener.name, (counts.get(listener.name) ?? 0) + 1);
        plan.attached.set(idOf(gateway), counts);
      }
      return attachment.accepted;
    } catch (error) {
      return {
        status: "False",
        reason: "UnsupportedValue",
        message: error instanceof Error ? error.message : String(error),
      };
    }
  };

  const resolvedVerdict = (route: KubeObject): Verdict => {
    const namespace = route.metadata.namespace ?? "";
    for (const reference of backendRefsOf(route)) {
      const problem = world.judge.problem(reference, namespace);
      if (problem !== undefined) return { status: "False", ...problem };
    }
    return { status: "True", reason: "ResolvedRefs", message: "All references resolved" };
  };

  const publish = async (plan: Plan): Promise<void> => {
    const now = clock();
    const write = async (what: string, action: Promise<void>): Promise<void> => {
      try {
        await action;
      } catch (error) {
        // The object changed or went meanwhile: its event brings us back here.
        const expected = error instanceof ApiError && (error.code === 404 || error.code === 409);
        if (!expected) log(`${what} could not be written`, { error: String(error) });
      }
    };
    for (const [route, states] of plan.parents) {
      if (states.length > 0 || hasOurStatus(route))
        await write("HTTPRoute status", publishRoute(client, route, states, now));
    }
    await write("GatewayClass status", publishClasses(client, world, now));
    for (const gateway of world.gateways()) {
      const ports = new Map(
        [...doors.values()].flatMap((door) =>
          door.namespace === gateway.metadata.namespace && door.name === gateway.metadata.name && door.listening
            ? [[door.port, door.listening.port] as const]
            : [],
        ),
      );
      const live = directory.service(gateway.metadata.namespace ?? "", serviceNameOf(gateway));
      await write("Service of a Gateway", publishService(client, gateway, live, ports));
      const attached = plan.attached.get(idOf(gateway)) ?? new Map<string, number>();
      await write("Gateway status", publishGateway(client, gateway, ports.size > 0, attached, now));
    }
  };

  return {
    list: () => [...doors.values()].flatMap(addressOf),
    portOf: (namespace, service, port) =>
      [...doors.values()].find(
        (door) => door.namespace === namespace && `${door.name}-istio` === service && door.port === port,
      )?.listening?.port,
    portForHost: (host) => [...doors.values()].find((door) => door.routes.hosts.has(host))?.listening?.port,
    settled: async () => {
      for (let seen: Promise<void> | undefined; seen !== work || noticed; ) {
        seen = work;
        await seen;
      }
    },
    stop: async () => {
      stopped = true;
      world.stop();
      await work;
      await Promise.all([...doors].map(([id, door]) => closeDoor(id, door)));
    },
  };
}

function addressOf({ namespace, name, port, listening }: Door): GatewayAddress[] {
  if (listening === undefined) return [];
  return [{ namespace, name, service: `${name}-istio`, port, url: `http://127.0.0.1:${listening.port}` }];
}

function hasOurStatus(route: KubeObject): boolean {
  const parents: { controllerName?: string }[] = route["status"]?.parents ?? [];
  return parents.some((parent) => parent.controllerName === CONTROLLER_NAME);
}

function idOf(object: KubeObject): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}

function doorId(gateway: KubeObject, port: number): string {
  return `${idOf(gateway)}:${port}`;
}
