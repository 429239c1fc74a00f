/** One container of a pod: pulled, started, probed, restarted with growing delays, stopped. */
import { createHash, randomBytes } from "node:crypto";
import type { Client } from "../apiserver/types.ts";
import type { EventRecorder } from "../controllers/events.ts";
import type { Container, ContainerState, ContainerStatus, Pod } from "../controllers/kinds.ts";
import { timestamp } from "../controllers/metadata.ts";
import { ConfigMissing, environmentOf } from "./environment.ts";
import { type ImageName, pullImage } from "./images.ts";
import { LogBuffer } from "./logBuffer.ts";
import { pause } from "./pause.ts";
import type { PodNetwork } from "./podNetwork.ts";
import { check, type ProbeLoop, startProbe } from "./probes.ts";
import { type Running, startProgram } from "./programs.ts";

export interface Machine {
  readonly client: Client;
  readonly network: PodNetwork;
  readonly events: EventRecorder;
  readonly nodeName: string;
  readonly now: () => Date;
  readonly lameDuckMs: number;
  /** Delay before the second restart, and the longest one. */
  readonly backoffMs: { readonly first: number; readonly most: number };
}

interface ContainerOptions {
  readonly machine: Machine;
  /** The newest known state of the pod. */
  readonly pod: () => Pod;
  readonly container: Container;
  readonly address: string;
  readonly restartPolicy: string;
  /** Called after every change of state. */
  readonly changed: () => void;
}

const CONFIG_RETRY_MS = 1000;

export class ContainerRunner {
  readonly spec: Container;
  logs = new LogBuffer();
  previousLogs: LogBuffer | undefined;
  state: ContainerState = { waiting: { reason: "ContainerCreating" } };
  lastState: ContainerState = {};
  ready = false;
  started = false;
  restartCount = 0;
  readonly #options: ContainerOptions;
  readonly #stopping = new AbortController();
  #image: ImageName | undefined;
  #containerId: string | undefined;
  #running: Running | undefined;
  #probes: ProbeLoop[] = [];
  #backoffMs = 0;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.spec = options.container;
  }

  /** Runs until the container has ended for good or was stopped. Answers with the last exit code. */
  async run(): Promise<number> {
    const { signal } = this.#stopping;
    let code = 0;
    while (!signal.aborted) {
      const image = await this.#pull(signal);
      if (image === undefined) break;
      const running = await this.#start(image, signal);
      if (running === undefined) break;
      code = await this.#attend(running);
      if (!this.#restarts(code)) break;
      await this.#backOff(signal);
    }
    return code;
  }

  /** Stops for good. Requests in flight are finished; `killed` cuts what is left at the end of the grace period. */
  async stop(killed: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const running = this.#running;
    if (running === undefined) return;
    this.#event("Normal", "Killing", `Stopping container ${this.spec.name}`);
    await this.#preStop(killed);
    running.stop(killed);
    await running.exited;
  }

  kill(): void {
    this.#stopping.abort();
    this.#endProbes();
    this.#running?.kill();
  }

  /** The process dies, as by the kernel's hand; what then happens is up to the restart policy. */
  crash(): boolean {
    this.#running?.kill();
    return this.#running !== undefined;
  }

  status(): ContainerStatus {
    const { spec, state, lastState, ready, restartCount, started } = this;
    const image = this.#image;
    return {
      name: spec.name,
      state,
      lastState,
      ready,
      restartCount,
      image: image?.full ?? spec.image,
      imageID: image === undefined ? "" : imageId(image),
      ...(this.#containerId === undefined ? {} : { containerID: this.#containerId }),
      started,
    };
  }

  async #pull(signal: AbortSignal): Promise<ImageName | undefined> {
    const { image } = this.spec;
    let delay = this.#options.machine.backoffMs.first;
    while (!signal.aborted) {
      if (this.#image === undefined) this.#event("Normal", "Pulling", `Pulling image "${image}"`);
      const pull = pullImage(image);
      if (pull.kind === "pulled") {
        if (this.#image === undefined) {
          const text = `Successfully pulled image "${image}" in 1ms (1ms including waiting). Image size: 0 bytes.`;
          this.#event("Normal", "Pulled", text);
        } else {
          this.#event("Normal", "Pulled", `Container image "${image}" already present on machine`);
        }
        this.#image = pull.image;
        return pull.image;
      }
      const { reason, message } = pull;
      if (reason === "ErrImagePull") this.#event("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
      else this.#event("Warning", "InspectFailed", message);
      this.#event("Warning", "Failed", `Error: ${reason}`);
      this.#wait(reason, message);
      if (reason === "ErrImagePull") {
        await pause(this.#shortly, signal);
        this.#event("Normal", "BackOff", `Back-off pulling image "${image}"`);
        this.#event("Warning", "Failed", "Error: ImagePullBackOff");
        this.#wait("ImagePullBackOff", `Back-off pulling image "${image}": ErrImagePull: ${message}`);
      }
      await pause(delay, signal);
      delay = Math.min(delay * 2, this.#options.machine.backoffMs.most);
    }
    return undefined;
  }

  /** How long ErrImagePull shows before it becomes ImagePullBackOff. */
  get #shortly(): number {
    return Math.min(this.#options.machine.backoffMs.first / 10, 1000);
  }

  async #start(image: ImageName, signal: AbortSignal): Promise<Running | undefined> {
    while (!signal.aborted) {
      const env = this.#environment();
      if (env === undefined) {
        await pause(CONFIG_RETRY_MS, signal);
        continue;
      }
      this.#containerId = `containerd://${randomBytes(32).toString("hex")}`;
      this.#event("Normal", "Created", `Created container: ${this.spec.name}`);
      const running = await this.#launch(image, env);
      if (signal.aborted) {
        running.kill();
        return undefined;
      }
      this.#event("Normal", "Started", `Started container ${this.spec.name}`);
      return running;
    }
    return undefined;
  }

  #environment(): Record<string, string> | undefined {
    const { machine, pod } = this.#options;
    try {
      return environmentOf(machine.client, pod(), this.spec);
    } catch (error) {
      if (!(error instanceof ConfigMissing)) throw error;
      this.#event("Warning", "Failed", `Error: ${error.message}`);
      this.#wait("CreateContainerConfigError", error.message);
      return undefined;
    }
  }

  async #launch(image: ImageName, env: Record<string, string>): Promise<Running> {
    const { machine, address, pod } = this.#options;
    const log = (line: string): void => this.logs.add(machine.now(), line);
    const { network, now, lameDuckMs } = machine;
    const hostname = pod().spec.hostname ?? pod().metadata.name ?? "";
    try {
      const start = { image, container: this.spec, env, hostname, address, network, now, lameDuckMs, log };
      return await startProgram(start);
    } catch (error) {
      // The program could not open its ports: it says so and exits, as a real one would.
      log(`fatal: ${error instanceof Error ? error.message : String(error)}`);
      return { exited: Promise.resolve(1), stop: () => undefined, kill: () => undefined };
    }
  }

  /** Watches over the running container until it exits. */
  async #attend(running: Running): Promise<number> {
    const { machine } = this.#options;
    const startedAt = timestamp(machine.now());
    this.#running = running;
    this.state = { running: { startedAt } };
    this.#startProbes();
    this.#options.changed();
    const exitCode = await running.exited;
    this.#endProbes();
    this.#running = undefined;
    this.ready = false;
    this.started = false;
    const containerID = this.#containerId;
    this.state = {
      terminated: {
        exitCode,
        reason: exitCode === 0 ? "Completed" : "Error",
        startedAt,
        finishedAt: timestamp(machine.now()),
        ...(containerID === undefined ? {} : { containerID }),
      },
    };
    this.#options.changed();
    return exitCode;
  }

  #restarts(exitCode: number): boolean {
    if (this.#stopping.signal.aborted) return false;
    const { restartPolicy } = this.#options;
    return restartPolicy === "Always" || (restartPolicy === "OnFailure" && exitCode !== 0);
  }

  /** The first restart comes at once, the following ones after growing delays. */
  async #backOff(signal: AbortSignal): Promise<void> {
    const { machine, pod } = this.#options;
    this.lastState = this.state;
    if (this.#backoffMs > 0) {
      const { name, namespace, uid } = pod().metadata;
      const delay = `${Math.round(this.#backoffMs / 1000)}s`;
      const message = `back-off ${delay} restarting failed container=${this.spec.name} pod=${name}_${namespace}(${uid})`;
      const text = `Back-off restarting failed container ${this.spec.name} in pod ${name}_${namespace}(${uid})`;
      this.#event("Warning", "BackOff", text);
      this.#wait("CrashLoopBackOff", message);
      await pause(this.#backoffMs, signal);
    }
    this.#backoffMs =
      this.#backoffMs === 0 ? machine.backoffMs.first : Math.min(this.#backoffMs * 2, machine.backoffMs.most);
    this.restartCount += 1;
    this.previousLogs = this.logs;
    this.logs = new LogBuffer();
  }

  #startProbes(): void {
    const { startupProbe, readinessProbe } = this.spec;
    this.started = startupProbe === undefined;
    if (startupProbe !== undefined) {
      this.#probe("Startup", startupProbe, (healthy) => {
        if (!healthy) return this.#unhealthy("startup");
        this.#endProbes();
        this.started = true;
        this.#startRegularProbes();
        this.#options.changed();
      });
      return;
    }
    this.ready = readinessProbe === undefined;
    this.#startRegularProbes();
  }

  #startRegularProbes(): void {
    const { readinessProbe, livenessProbe } = this.spec;
    if (readinessProbe === undefined) this.ready = true;
    else {
      this.#probe("Readiness", readinessProbe, (healthy) => {
        this.ready = healthy;
        this.#options.changed();
      });
    }
    if (livenessProbe === undefined) return;
    this.#probe("Liveness", livenessProbe, (healthy) => {
      if (!healthy) this.#unhealthy("liveness");
    });
  }

  #probe(name: string, probe: NonNullable<Container["readinessProbe"]>, decided: (healthy: boolean) => void): void {
    const { machine, address } = this.#options;
    const target = { address, network: machine.network, container: this.spec };
    const failed = (why: string): void => this.#event("Warning", "Unhealthy", `${name} probe failed: ${why}`);
    this.#probes.push(startProbe({ probe, check: () => check(probe, target), decided, failed }));
  }

  #unhealthy(probe: string): void {
    this.#event("Normal", "Killing", `Container ${this.spec.name} failed ${probe} probe, will be restarted`);
    this.#endProbes();
    const seconds = this.#options.pod().spec.terminationGracePeriodSeconds ?? 30;
    this.#running?.stop(AbortSignal.timeout(seconds * 1000));
  }

  #endProbes(): void {
    for (const probe of this.#probes) probe.stop();
    this.#probes = [];
  }

  async #preStop(killed: AbortSignal): Promise<void> {
    const hook = this.spec.lifecycle?.preStop;
    const words = hook?.exec?.command?.join(" ") ?? "";
    const seconds = hook?.sleep?.seconds ?? Number(/\bsleep (\d+(?:\.\d+)?)/.exec(words)?.[1] ?? 0);
    if (seconds > 0) await pause(seconds * 1000, killed);
  }

  #wait(reason: string, message: string): void {
    this.state = { waiting: { reason, message } };
    this.#options.changed();
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    const { machine, pod } = this.#options;
    machine.events.record(pod(), type, reason, message, {
      fieldPath: `spec.containers{${this.spec.name}}`,
      host: machine.nodeName,
    });
  }
}

function imageId(image: ImageName): string {
  const digest = image.digest ?? `sha256:${createHash("sha256").update(image.full).digest("hex")}`;
  return `${image.registry}/${image.repository}@${digest}`;
}
