/** Events as `kubectl describe` shows them: one object per distinct happening, counted when it happens again. */
import type { Client, KubeObject } from "../apiserver/types.ts";
import { timestamp } from "./metadata.ts";

interface Recorded {
  readonly name: string;
  count: number;
}

interface Happening {
  readonly about: KubeObject;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Further fields of the Event: `involvedObject.fieldPath`, `source.host`. */
  readonly details: { readonly fieldPath?: string; readonly host?: string };
  readonly at: Date;
  /** Part of the name, so that lists are in the order of happening: times have whole seconds only. */
  readonly order: string;
}

const REMEMBERED = 2000;
const WRITTEN_AFTER_MS = 30;

/** Writes events one after the other. Failing to write one is no failure of the controller: the event is lost. */
export class EventRecorder {
  readonly #client: Client;
  readonly #component: string;
  readonly #now: () => Date;
  readonly #recorded = new Map<string, Recorded>();
  #waiting: Happening[] = [];
  #timer: NodeJS.Timeout | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(client: Client, component: string, now: () => Date) {
    this.#client = client;
    this.#component = component;
    this.#now = now;
  }

  /** Written a moment later: what is told may wait, what is done may not. */
  record(
    about: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    details: Happening["details"] = {},
  ): void {
    this.#waiting.push({ about, type, reason, message, details, at: this.#now(), order: nanoseconds() });
    this.#timer ??= setTimeout(() => void this.flushed(), WRITTEN_AFTER_MS).unref();
  }

  /** Resolves when everything recorded so far has been written or given up. */
  flushed(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const happenings = this.#waiting;
    this.#waiting = [];
    this.#tail = this.#tail.then(async () => {
      for (const happening of happenings) await this.#write(happening).catch(() => undefined);
    });
    return this.#tail;
  }

  async #write({ about, type, reason, message, details, at, order }: Happening): Promise<void> {
    const { name = "", namespace = "default", uid = "", resourceVersion = "" } = about.metadata;
    const key = [uid, type, reason, message, details.fieldPath].join("\n");
    const before = this.#recorded.get(key);
    const time = timestamp(at);
    if (before !== undefined) {
      before.count += 1;
      const body = { count: before.count, lastTimestamp: time };
      await this.#client.patch("events", namespace, before.name, "merge", body);
      return;
    }
    const eventName = `${name}.${order}`;
    const fieldPath = details.fieldPath === undefined ? {} : { fieldPath: details.fieldPath };
    const host = details.host === undefined ? {} : { host: details.host };
    await this.#client.create("events", {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: eventName, namespace },
      involvedObject: {
        kind: about.kind,
        ...(about.metadata.namespace === undefined ? {} : { namespace }),
        name,
        uid,
        apiVersion: about.apiVersion,
        resourceVersion,
        ...fieldPath,
      },
      reason,
      message,
      source: { component: this.#component, ...host },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      eventTime: null,
      reportingComponent: this.#component,
      reportingInstance: details.host ?? "",
    });
    this.#remember(key, eventName);
  }

  #remember(key: string, name: string): void {
    if (this.#recorded.size >= REMEMBERED) this.#recorded.delete(this.#recorded.keys().next().value ?? "");
    this.#recorded.set(key, { name, count: 1 });
  }
}

/** Since 1970, in hexadecimal digits; finer than any clock that a test sets. */
function nanoseconds(): string {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)).toString(16);
}
