/** Starts the control loops of the sandbox: what kube-controller-manager and the scheduler do in a cluster. */
import type { Client } from "../apiserver/types.ts";
import { Access, type Log } from "./access.ts";
import { syncAutoscaler, watchAutoscalers } from "./autoscaler.ts";
import { syncEndpoints } from "./classicEndpoints.ts";
import { syncDaemonSet, watchDaemonSets } from "./daemonSet.ts";
import { syncDeployment, watchDeployments } from "./deployment/controller.ts";
import { EndpointController, watchEndpoints } from "./endpoints.ts";
import { GarbageCollector } from "./garbage.ts";
import { Informers } from "./informer.ts";
import { syncMirrored, watchMirrored } from "./mirroredEndpoints.ts";
import { syncDeletion, syncRootCa, syncServiceAccount, watchNamespaces } from "./namespaces.ts";
import { KeyQueue, type Sync } from "./queue.ts";
import { syncReplicaSet, watchReplicaSets } from "./replicaSet.ts";
import { ResourceMap } from "./resourceMap.ts";
import { schedule, watchPendingPods } from "./scheduler.ts";
import { watchBackends } from "./serviceBackends.ts";

export interface ControllersOptions {
  /** The API as a user: each controller writes under its own name, so that requests can be told apart. */
  client(user: string): Client;
  readonly clock?: () => Date;
  readonly log?: Log;
  /** PEM of the cluster's CA, for the ConfigMap `kube-root-ca.crt` of every namespace. */
  readonly ca?: string;
}

export interface Controllers {
  /** By which `freeze` knows them. */
  readonly names: readonly string[];
  /** Lets a controller do nothing until the function that is returned is called. Undefined: there is none of that name. */
  freeze(name: string): (() => void) | undefined;
  /** Resolves when no controller writes any more. */
  stop(): Promise<void>;
}

interface Loop {
  /** Name in logs; also the service account in kube-system. */
  readonly name: string;
  /** Name in events, where it is another one. */
  readonly component?: string;
  readonly user?: string;
  readonly fieldManager?: string;
  /** Keys that are worked on at the same time, when it is not the usual number. */
  readonly concurrency?: number;
  readonly start: (access: Access, world: World) => { watch: (queue: KeyQueue) => void; sync: Sync };
}

interface World {
  readonly resources: ResourceMap;
  readonly ca: string | undefined;
}

const LOOPS: readonly Loop[] = [
  {
    name: "deployment-controller",
    start: (access) => ({
      watch: (queue) => watchDeployments(access, queue),
      sync: (key) => syncDeployment(access, key),
    }),
  },
  {
    name: "replicaset-controller",
    start: (access) => ({
      watch: (queue) => watchReplicaSets(access, queue),
      sync: (key) => syncReplicaSet(access, key),
    }),
  },
  {
    name: "endpointslice-controller",
    start: (access) => {
      const controller = new EndpointController(access);
      return { watch: (queue) => watchEndpoints(access, queue), sync: (key) => controller.sync(key) };
    },
  },
  {
    name: "endpoint-controller",
    start: (access) => ({
      watch: (queue) => watchBackends(access, queue),
      sync: (key) => syncEndpoints(access, key),
    }),
  },
  {
    name: "endpointslicemirroring-controller",
    start: (access) => ({
      watch: (queue) => watchMirrored(access, queue),
      sync: (key) => syncMirrored(access, key),
    }),
  },
  {
    name: "daemon-set-controller",
    component: "daemonset-controller",
    start: (access) => ({
      watch: (queue) => watchDaemonSets(access, queue),
      sync: (key) => syncDaemonSet(access, key),
    }),
  },
  {
    name: "horizontal-pod-autoscaler",
    start: (access, { resources }) => ({
      watch: (queue) => watchAutoscalers(access, queue),
      sync: (key) => syncAutoscaler(access, resources, key),
    }),
  },
  {
    name: "generic-garbage-collector",
    start: (access, { resources }) => {
      const collector = new GarbageCollector(access, resources);
      return { watch: (queue) => collector.watch(queue), sync: (key) => collector.sync(key) };
    },
  },
  {
    name: "namespace-controller",
    start: (access, { resources }) => ({
      watch: (queue) => watchNamespaces(access, queue),
      sync: (key) => syncDeletion(access, resources, key),
    }),
  },
  {
    name: "service-account-controller",
    start: (access) => ({
      watch: (queue) => watchNamespaces(access, queue, "serviceaccounts"),
      sync: (key) => syncServiceAccount(access, key),
    }),
  },
  {
    name: "root-ca-cert-publisher",
    start: (access, { ca }) => ({
      watch: (queue) => watchNamespaces(access, queue, "configmaps"),
      sync: async (key) => (ca === undefined ? undefined : syncRootCa(access, key, ca)),
    }),
  },
  {
    name: "default-scheduler",
    user: "system:kube-scheduler",
    fieldManager: "kube-scheduler",
    // One pod at a time: the next choice has to know the one before.
    concurrency: 1,
    start: (access) => ({
      watch: (queue) => watchPendingPods(access, queue),
      sync: (key) => schedule(access, key),
    }),
  },
];

export function startControllers(options: ControllersOptions): Controllers {
  const clock = options.clock ?? (() => new Date());
  const log = options.log ?? (() => undefined);
  const informers = new Informers(options.client("system:kube-controller-manager"));
  const world: World = { resources: new ResourceMap(informers), ca: options.ca };
  const running = LOOPS.map((loop) => {
    const access = new Access({
      client: options.client(loop.user ?? `system:serviceaccount:kube-system:${loop.name}`),
      informers,
      component: loop.component ?? loop.name,
      fieldManager: loop.fieldManager ?? "kube-controller-manager",
      clock,
    });
    const { watch, sync } = loop.start(access, world);
    const queue = new KeyQueue({
      sync,
      ...(loop.concurrency === undefined ? {} : { concurrency: loop.concurrency }),
      failed: (key, error) => log("sync failed", { controller: loop.name, key, error: describe(error) }),
    });
    watch(queue);
    return { name: loop.name, queue, access };
  });
  return {
    names: LOOPS.map(({ name }) => name),
    freeze(name) {
      const queue = running.find((each) => each.name === name || each.name === `${name}-controller`)?.queue;
      if (queue === undefined) return undefined;
      queue.freeze();
      return () => queue.thaw();
    },
    async stop() {
      informers.stop();
      await Promise.all(running.map(({ queue }) => queue.stop()));
      await Promise.all(running.map(({ access }) => access.events.flushed()));
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
