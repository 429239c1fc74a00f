/** A node: registers itself, runs the pods that are assigned to it and reports what becomes of them. */
import { ApiError, type Client, type KubeObject } from "../apiserver/types.ts";
import { EventRecorder } from "../controllers/events.ts";
import type { Pod } from "../controllers/kinds.ts";
import { isFinished, keyOfObject, timestamp } from "../controllers/metadata.ts";
import type { Machine } from "./container.ts";
import { PodRunner } from "./pod.ts";
import type { PodNetwork } from "./podNetwork.ts";
import { Uplink } from "./uplink.ts";

export interface NodeOptions {
  readonly client: Client;
  readonly name: string;
  readonly network: PodNetwork;
  readonly log?: (message: string, values: Record<string, unknown>) => void;
  readonly clock?: () => Date;
  readonly labels?: Readonly<Record<string, string>>;
  /** How long a pod that is deleted still takes new connections. */
  readonly lameDuckMs?: number;
  /** Delays between restarts and pulls; 10 s to 5 min as in a real kubelet. */
  readonly backoffMs?: { readonly first: number; readonly most: number };
}

export interface Node {
  /** Resolves when the Node object is there and ready. */
  readonly registered: Promise<void>;
  /** What `kubectl logs` shows: the last lines of a container, by default the first; undefined when it isn't here. */
  podLog(pod: KubeObject, container: string | undefined, query: URLSearchParams): string | undefined;
  readonly name: string;
  /** Kills the processes of a pod, as a crash would; its restart policy decides what follows. False: it does not run here. */
  crashPod(namespace: string, name: string): boolean;
  /** Neither the API server hears of the node nor anybody of its pods, until `reconnect`. What runs, runs on. */
  disconnect(): void;
  /** Resolves when the node has reported itself. */
  reconnect(): Promise<void>;
  /** Kills everything that runs here. The objects stay. */
  stop(): Promise<void>;
}

export function startNode(options: NodeOptions): Node {
  return new Kubelet(options);
}

class Kubelet implements Node {
  readonly registered: Promise<void>;
  readonly name: string;
  readonly #uplink: Uplink;
  readonly #options: NodeOptions;
  readonly #machine: Machine;
  readonly #runners = new Map<string, PodRunner>();
  #unwatch: () => void = () => undefined;
  #stopped = false;

  constructor(options: NodeOptions) {
    const now = options.clock ?? (() => new Date());
    this.#options = options;
    this.name = options.name;
    this.#uplink = new Uplink(options.client);
    const { client } = this.#uplink;
    this.#machine = {
      client,
      network: options.network,
      events: new EventRecorder(client, "kubelet", now),
      nodeName: options.name,
      now,
      lameDuckMs: options.lameDuckMs ?? 1000,
      backoffMs: options.backoffMs ?? { first: 10_000, most: 300_000 },
    };
    this.registered = this.#register();
  }

  podLog(pod: KubeObject, container: string | undefined, query: URLSearchParams): string | undefined {
    const runner = this.#runners.get(keyOfObject(pod))?.container(container);
    const logs = query.get("previous") === "true" ? runner?.previousLogs : runner?.logs;
    const tail = query.get("tailLines");
    return logs?.text({
      timestamps: query.get("timestamps") === "true",
      ...(tail === null || !/^\d+$/.test(tail) ? {} : { tailLines: Number(tail) }),
    });
  }

  crashPod(namespace: string, name: string): boolean {
    return this.#runners.get(`${namespace}/${name}`)?.crash() ?? false;
  }

  disconnect(): void {
    this.#uplink.cut();
    this.#setPodsCut(true);
  }

  async reconnect(): Promise<void> {
    if (!this.#uplink.isCut) return;
    this.#setPodsCut(false);
    this.#uplink.mend();
    await this.#reportStatus();
    for (const runner of this.#runners.values()) runner.report();
  }

  #setPodsCut(cut: boolean): void {
    const addresses = [...this.#runners.values()].flatMap(({ address }) => address ?? []);
    this.#options.network.setCut(addresses, cut);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#uplink.mend();
    await this.registered.catch(() => undefined);
    this.#unwatch();
    for (const runner of this.#runners.values()) runner.kill();
    this.#runners.clear();
    await this.#machine.events.flushed();
  }

  async #register(): Promise<void> {
    const { client } = this.#machine;
    const { address, node } = await this.#describe();
    try {
      await client.create("nodes", { ...node, status: undefined }, { fieldManager: "kubelet" });
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    }
    await this.#reportStatus();
    if (this.#stopped) return;
    this.#unwatch = client.watch("pods", ({ type, object }) => this.#observe(type, object as Pod, address));
  }

  async #describe(): Promise<{ address: string; node: KubeObject }> {
    const { name, network, labels } = this.#options;
    const address = await network.nodeAddress();
    return { address, node: nodeObject(name, address, labels ?? {}, timestamp(this.#machine.now())) };
  }

  async #reportStatus(): Promise<void> {
    const { status } = (await this.#describe()).node;
    const body = { status };
    await this.#machine.client.patch("nodes", "", this.name, "merge", body, "status", { fieldManager: "kubelet" });
  }

  #observe(type: string, pod: Pod, hostAddress: string): void {
    if (pod.spec.nodeName !== this.#options.name) return;
    const key = keyOfObject(pod);
    const runner = this.#runners.get(key);
    if (type === "DELETED") {
      if (runner?.uid !== pod.metadata.uid) return;
      runner?.kill();
      this.#runners.delete(key);
      return;
    }
    if (runner !== undefined && runner.uid === pod.metadata.uid) {
      runner.observe(pod);
      return;
    }
    runner?.kill();
    if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined) return;
    const next = new PodRunner(this.#machine, pod, hostAddress);
    this.#runners.set(key, next);
    next.run().catch((error: unknown) => {
      this.#options.log?.("pod failed", { pod: key, error: error instanceof Error ? error.message : String(error) });
    });
  }
}

function nodeObject(name: string, address: string, labels: Readonly<Record<string, string>>, time: string): KubeObject {
  const condition = (type: string, status: string, reason: string, message: string): Record<string, string> => ({
    type,
    status,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
    reason,
    message,
  });
  const resources = { cpu: "8", memory: "16Gi", pods: "1000", "ephemeral-storage": "100Gi" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
        ...labels,
      },
    },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
      ],
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        kubeletVersion: "v1.36.2",
        kubeProxyVersion: "",
        containerRuntimeVersion: "sandbox://1",
        operatingSystem: "linux",
        architecture: process.arch === "x64" ? "amd64" : process.arch,
        osImage: "Sandbox",
        kernelVersion: "",
        machineID: "",
        systemUUID: "",
        bootID: "",
      },
    },
  };
}
