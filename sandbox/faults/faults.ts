/** Faults on demand: set by name, told in the log, ended by the one who set them, by the clock or by their number. */
import type { ApiServer, Client, LogLine } from "../apiserver/types.ts";
import { markReachable, markUnreachable } from "../controllers/nodeLifecycle.ts";
import type { Controllers } from "../controllers/start.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Node } from "../node/kubelet.ts";
import { type Fault, FaultProblem } from "./catalog.ts";
import { isConcerned, RequestRules, ruleOf } from "./requests.ts";
import { WatchRules } from "./watches.ts";

/** What faults act upon. */
export interface Victims {
  readonly apiServer: ApiServer;
  readonly controllers: Pick<Controllers, "names" | "freeze">;
  readonly nodes: readonly Pick<Node, "name" | "crashPod" | "disconnect" | "reconnect">[];
  readonly metrics: Pick<Metrics, "disturb">;
  readonly client: Client;
  readonly now: () => Date;
  readonly log: (line: LogLine) => void;
}

/** A fault that lasts. */
export interface Running {
  readonly id: string;
  readonly fault: Fault;
}

export interface Faults {
  /**
   * Begins a fault; the function that is returned ends it. It also ends by itself after `forMs`, when it has been met so
   * often as it says, and with the sandbox. Throws FaultProblem when there is nothing of that name to break.
   */
  inject(fault: Fault, forMs?: number): () => void;
  running(): readonly Running[];
  /** False: it does not last any more. */
  end(id: string): boolean;
  /** Ends all of them. */
  stop(): void;
}

/** How long a node may be silent; a real cluster waits for 40 s. */
const GRACE_MS = 1000;

type Undo = (() => void) | undefined;

export function createFaults(victims: Victims): Faults {
  return new FaultBoard(victims);
}

class FaultBoard implements Faults {
  readonly #victims: Victims;
  readonly #requests: RequestRules;
  readonly #watches: WatchRules;
  readonly #ends = new Map<string, { readonly fault: Fault; readonly end: () => void }>();
  readonly #cutWebhooks = new Set<{ readonly webhook?: string }>();
  #count = 0;

  constructor(victims: Victims) {
    this.#victims = victims;
    this.#requests = new RequestRules(victims.apiServer.interference);
    this.#watches = new WatchRules(victims.apiServer.interference);
  }

  inject(fault: Fault, forMs?: number): () => void {
    const { log } = this.#victims;
    this.#count += 1;
    const id = String(this.#count);
    const over = new AbortController();
    let undo: Undo;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      if (over.signal.aborted) return;
      over.abort();
      clearTimeout(timer);
      this.#ends.delete(id);
      undo?.();
      log({ level: "info", message: "fault ends", id, fault: fault.name });
    };
    log({ level: "warn", message: "fault begins", id, ...fault, fault: fault.name, ...(forMs && { forMs }) });
    try {
      undo = this.#begin(fault, over.signal, end, forMs !== undefined);
    } catch (error) {
      end();
      throw error;
    }
    if (undo === undefined) end();
    else {
      this.#ends.set(id, { fault, end });
      if (forMs !== undefined) timer = setTimeout(end, forMs).unref();
    }
    return end;
  }

  running(): readonly Running[] {
    return [...this.#ends].map(([id, { fault }]) => ({ id, fault }));
  }

  end(id: string): boolean {
    const found = this.#ends.get(id);
    found?.end();
    return found !== undefined;
  }

  stop(): void {
    for (const { end } of [...this.#ends.values()]) end();
  }

  /** Begins it; the answer ends it again. Undefined: it was over at once. */
  #begin(fault: Fault, over: AbortSignal, end: () => void, lasts: boolean): Undo {
    const { apiServer } = this.#victims;
    switch (fault.name) {
      case "conflictNext":
      case "throttle":
      case "fail":
      case "delay":
        return this.#requests.add(ruleOf(fault, over, end));
      case "dropWatches": {
        for (const stream of this.#streams(fault)) stream.cut();
        if (!lasts) return undefined;
        return this.#watches.add((stream) => void (isConcerned(fault, stream.call) && stream.cut()));
      }
      case "stallWatches":
        return this.#stall(fault);
      case "expireHistory":
        apiServer.expireHistory();
        for (const stream of [...apiServer.watches()]) stream.end();
        return undefined;
      case "freezeController":
        return this.#freeze(fault.controller);
      case "killPod":
        this.#killPod(fault.namespace ?? "default", fault.pod);
        return undefined;
      case "unreachableNode":
        return this.#cutOff(fault);
      case "loseMetrics":
        return this.#disturb("lost");
      case "slowMetrics":
        return this.#disturb(fault.milliseconds);
      case "cutWebhook":
        return this.#cutWebhook(fault);
    }
  }

  #streams(fault: Extract<Fault, { name: "dropWatches" | "stallWatches" }>) {
    return [...this.#victims.apiServer.watches()].filter(({ call }) => isConcerned(fault, call));
  }

  #stall(fault: Extract<Fault, { name: "stallWatches" }>): Undo {
    const held = new Set(this.#streams(fault));
    for (const stream of held) stream.hold();
    const unwatch = this.#watches.add((stream) => {
      if (!isConcerned(fault, stream.call)) return;
      held.add(stream);
      stream.hold();
    });
    return () => {
      unwatch();
      for (const stream of held) stream.release();
    };
  }

  #freeze(name: string): Undo {
    const { controllers } = this.#victims;
    const thaw = controllers.freeze(name);
    if (thaw !== undefined) return thaw;
    throw new FaultProblem(`there is no controller ${name}: choose one of ${controllers.names.join(", ")}`);
  }

  #killPod(namespace: string, pod: string): void {
    if (this.#victims.nodes.some((node) => node.crashPod(namespace, pod))) return;
    throw new FaultProblem(`no pod ${namespace}/${pod} runs here: see kubectl get pods -n ${namespace}`);
  }

  #cutOff({ node: name, graceMilliseconds = GRACE_MS }: Extract<Fault, { name: "unreachableNode" }>): Undo {
    const { nodes, client, now } = this.#victims;
    const node = name === undefined ? nodes[0] : nodes.find((each) => each.name === name);
    if (node === undefined) {
      throw new FaultProblem(`there is no node ${name}: choose one of ${nodes.map((each) => each.name).join(", ")}`);
    }
    node.disconnect();
    let marked: Promise<void> | undefined;
    const timer = setTimeout(() => {
      marked = markUnreachable(client, node.name, now).catch(this.#complain);
    }, graceMilliseconds).unref();
    return () => {
      clearTimeout(timer);
      const back = async (): Promise<void> => {
        await marked;
        await node.reconnect();
        await markReachable(client, node.name);
      };
      back().catch(this.#complain);
    };
  }

  readonly #complain = (error: unknown): void => {
    this.#victims.log({ level: "error", message: "fault did not work", error: String(error) });
  };

  #disturb(how: "lost" | number): Undo {
    const { metrics } = this.#victims;
    metrics.disturb(how);
    return () => metrics.disturb(undefined);
  }

  #cutWebhook(fault: { readonly webhook?: string }): Undo {
    const { interference } = this.#victims.apiServer;
    this.#cutWebhooks.add(fault);
    interference.webhook = (name) =>
      [...this.#cutWebhooks].some(({ webhook }) => webhook === undefined || webhook === name);
    return () => {
      this.#cutWebhooks.delete(fault);
      if (this.#cutWebhooks.size === 0) interference.webhook = undefined;
    };
  }
}
