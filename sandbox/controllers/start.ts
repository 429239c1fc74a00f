/** Starts the control loops of the sandbox: what kube-controller-manager and the scheduler do in a cluster. */
import type { Client } from "../apiserver/types.ts";
import { Access, type Log } from "./access.ts";
import { syncDeployment, watchDeployments } from "./deployment/controller.ts";
import { EndpointController, watchEndpoints } from "./endpoints.ts";
import { Informers } from "./informer.ts";
import { KeyQueue, type Sync } from "./queue.ts";
import { syncReplicaSet, watchReplicaSets } from "./replicaSet.ts";
import { schedule, watchPendingPods } from "./scheduler.ts";

export interface ControllersOptions {
  /** The API as a user: each controller writes under its own name, so that requests can be told apart. */
  client(user: string): Client;
  readonly clock?: () => Date;
  readonly log?: Log;
}

export interface Controllers {
  /** Resolves when no controller writes any more. */
  stop(): Promise<void>;
}

interface Loop {
  /** Name in events and logs; also the service account in kube-system. */
  readonly name: string;
  readonly user?: string;
  readonly fieldManager?: string;
  readonly start: (access: Access) => { watch: (queue: KeyQueue) => void; sync: Sync };
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
    name: "default-scheduler",
    user: "system:kube-scheduler",
    fieldManager: "kube-scheduler",
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
  const running = LOOPS.map((loop) => {
    const access = new Access({
      client: options.client(loop.user ?? `system:serviceaccount:kube-system:${loop.name}`),
      informers,
      component: loop.name,
      fieldManager: loop.fieldManager ?? "kube-controller-manager",
      clock,
    });
    const { watch, sync } = loop.start(access);
    const queue = new KeyQueue({
      sync,
      failed: (key, error) => log("sync failed", { controller: loop.name, key, error: describe(error) }),
    });
    watch(queue);
    return { queue, access };
  });
  return {
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
