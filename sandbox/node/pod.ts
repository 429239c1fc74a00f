/** One pod on this node, from its start to its deletion. */
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../apiserver/types.ts";
import type { Container, Pod, PodStatus } from "../controllers/kinds.ts";
import { timestamp } from "../controllers/metadata.ts";
import { ContainerRunner, type Machine } from "./container.ts";
import { missingVolume } from "./environment.ts";
import { pause } from "./pause.ts";
import { podStatus } from "./podStatus.ts";

const RETRY_MS = 1000;

export class PodRunner {
  readonly #machine: Machine;
  readonly #hostAddress: string;
  #pod: Pod;
  #address: string | undefined;
  #startTime = "";
  #init: ContainerRunner[] = [];
  #containers: ContainerRunner[] = [];
  #initialized = false;
  #ended = false;
  /** Aborted when the pod is to start nothing more. */
  readonly #stopped = new AbortController();
  /** Aborted when the object is gone. */
  readonly #over = new AbortController();
  #killer: AbortController | undefined;
  #reported: PodStatus | undefined;
  #dirty = false;
  #writing: Promise<void> | undefined;

  constructor(machine: Machine, pod: Pod, hostAddress: string) {
    this.#machine = machine;
    this.#pod = pod;
    this.#hostAddress = hostAddress;
  }

  get uid(): string {
    return this.#pod.metadata.uid ?? "";
  }

  /** Runs the pod until all its containers have ended for good. */
  async run(): Promise<void> {
    const address = await this.#machine.network.allocate();
    this.#address = address;
    this.#startTime = timestamp(this.#machine.now());
    const restart = this.#pod.spec.restartPolicy ?? "Always";
    const { containers, initContainers = [] } = this.#pod.spec;
    const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
    this.#init = initContainers
      .filter((container) => !sidecars.includes(container))
      .map((container) => this.#runner(container, address, restart === "Never" ? "Never" : "OnFailure"));
    this.#containers = [...sidecars, ...containers].map((container) => this.#runner(container, address, restart));
    if (this.#gone) return this.#release();
    if (this.#pod.metadata.deletionTimestamp !== undefined) return this.terminate();
    await this.#mount();
    if (await this.#initialize()) await Promise.all(this.#containers.map((container) => container.run()));
    if (this.#stopped.signal.aborted) return;
    this.#ended = true;
    this.#changed();
  }

  /** Takes in a newer state of the object. */
  observe(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined && this.#address !== undefined) void this.terminate();
  }

  /** Graceful end: endpoints go first, requests in flight are finished, then the object is removed. */
  async terminate(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    const killer = new AbortController();
    this.#killer = killer;
    const graceMs = (this.#pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    const timer = setTimeout(() => killer.abort(), graceMs);
    await Promise.all([...this.#init, ...this.#containers].map((container) => container.stop(killer.signal)));
    clearTimeout(timer);
    if (this.#gone) return;
    this.#ended = true;
    this.#changed();
    await this.#writing;
    await this.#removeObject();
  }

  get #gone(): boolean {
    return this.#over.signal.aborted;
  }

  /** At once and without a word: the object is gone or the node stops. */
  kill(): void {
    if (this.#gone) return;
    this.#over.abort();
    this.#stopped.abort();
    this.#killer?.abort();
    for (const container of [...this.#init, ...this.#containers]) container.kill();
    this.#release();
  }

  /** Kills the processes of all containers that run. False: none does. */
  crash(): boolean {
    return this.#containers.filter((container) => container.crash()).length > 0;
  }

  /** Its own address, while it has one. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Says again what is known. */
  report(): void {
    this.#reported = undefined;
    this.#changed();
  }

  container(name: string | undefined): ContainerRunner | undefined {
    const all = [...this.#containers, ...this.#init];
    return name === undefined ? all[0] : all.find(({ spec }) => spec.name === name);
  }

  #release(): void {
    if (this.#address !== undefined) this.#machine.network.release(this.#address);
    this.#address = undefined;
  }

  #runner(container: Container, address: string, restartPolicy: string): ContainerRunner {
    return new ContainerRunner({
      machine: this.#machine,
      pod: () => this.#pod,
      container,
      address,
      restartPolicy,
      changed: () => this.#changed(),
    });
  }

  /** Waits for the ConfigMaps and Secrets of the pod's volumes. */
  async #mount(): Promise<void> {
    for (;;) {
      const problem = missingVolume(this.#machine.client, this.#pod);
      if (problem === undefined || this.#stopped.signal.aborted) return;
      this.#changed();
      this.#machine.events.record(this.#pod, "Warning", "FailedMount", problem, { host: this.#machine.nodeName });
      await pause(RETRY_MS, this.#stopped.signal);
    }
  }

  /** Init containers, one after the other. */
  async #initialize(): Promise<boolean> {
    if (this.#stopped.signal.aborted) return false;
    if (this.#init.length > 0) this.#changed();
    for (const container of this.#init) {
      const code = await container.run();
      if (code !== 0 || this.#stopped.signal.aborted) return false;
      container.ready = true;
    }
    this.#initialized = true;
    return true;
  }

  /** Changes that come while a write is under way go out together with the next one. */
  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#report().finally(() => (this.#writing = undefined));
  }

  async #report(): Promise<void> {
    // Containers that start in the same turn make one write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#dirty && !this.#gone && this.#address !== undefined) {
      this.#dirty = false;
      const status = podStatus({
        pod: this.#pod,
        containers: this.#containers.map((container) => container.status()),
        initContainers: this.#init.map((container) => container.status()),
        address: this.#address,
        hostAddress: this.#hostAddress,
        startTime: this.#startTime,
        initialized: this.#initialized,
        ended: this.#ended,
        time: timestamp(this.#machine.now()),
      });
      if (isDeepStrictEqual(status, this.#reported)) continue;
      this.#reported = status;
      await this.#write(status);
    }
  }

  async #write(status: PodStatus): Promise<void> {
    const { namespace = "", name = "", uid } = this.#pod.metadata;
    const body = { metadata: { uid }, status };
    const options = { fieldManager: "kubelet" };
    try {
      this.#pod = (await this.#machine.client.patch("pods", namespace, name, "merge", body, "status", options)) as Pod;
    } catch (error) {
      // Gone, or replaced by a namesake: the deletion event ends this runner. Anything else may pass.
      if (error instanceof ApiError && error.code === 404) return;
      this.#reported = undefined;
      setTimeout(() => this.#changed(), RETRY_MS).unref();
    }
  }

  /** Tries until the object is gone: a webhook may refuse for a while. */
  async #removeObject(): Promise<void> {
    const { namespace = "", name = "", uid = "" } = this.#pod.metadata;
    while (!this.#gone) {
      try {
        await this.#machine.client.delete("pods", namespace, name, { gracePeriodSeconds: 0, uid });
        return;
      } catch {
        await pause(RETRY_MS, this.#over.signal);
      }
    }
  }
}
