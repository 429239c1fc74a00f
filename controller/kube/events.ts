import { WeirError } from "../../api/errors.ts";
import type { RawMeta, RawObject, Resource } from "../../api/object.ts";
import type { Api } from "./api.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import { createCorrelator, type EventContent } from "./eventCorrelation.ts";

const EVENTS: Resource = { group: "", version: "v1", plural: "events", kind: "Event" };

/** What happened to an object, for `kubectl describe`. */
export interface Happening {
  /** The object it happened to. */
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: Pick<RawMeta, "name" | "namespace" | "uid" | "resourceVersion">;
  };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** For programs that read events; people do not see them in `kubectl describe`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RecorderOptions {
  readonly api: Api;
  /** Source component, as shown under "From". */
  readonly component: string;
  readonly host?: string;
  readonly clock?: Clock;
  /** Events that wait for being written; more are dropped. */
  readonly capacity?: number;
}

/** Writes events in their order, in the background. An event that can't be written is counted, nothing else. */
export interface Recorder {
  record(happening: Happening): void;
  readonly counts: { readonly written: number; readonly dropped: number; readonly failed: number };
  /** Resolves when nothing is left to write. */
  readonly idle: () => Promise<void>;
  /** Gives up what is left after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

const ATTEMPTS = 4;
const FIRST_RETRY_MS = 1000;
const LONGEST_MESSAGE = 1024;

export function createRecorder(options: RecorderOptions): Recorder {
  const clock = options.clock ?? systemClock;
  const capacity = options.capacity ?? 1000;
  const correlator = createCorrelator();
  const counts = { written: 0, dropped: 0, failed: 0 };
  const abort = new AbortController();
  let waiting = 0;
  let tail: Promise<void> = Promise.resolve();
  let lastSerial = 0n;

  /** Rises even within a millisecond: events of one second are shown in the order of their names. */
  const nextSerial = (): string => {
    const now = BigInt(clock.now().getTime()) * 1_000_000n;
    lastSerial = now > lastSerial ? now : lastSerial + 1n;
    return lastSerial.toString(16);
  };

  const createBody = (content: EventContent, at: Date): RawObject => {
    const { name, namespace } = content.object.metadata;
    const time = at.toISOString().replace(/\.\d+Z$/, "Z");
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: {
        name: `${name.slice(0, 230)}.${nextSerial()}`,
        namespace: namespace || "default",
        ...(content.annotations === undefined ? {} : { annotations: content.annotations }),
      },
      involvedObject: referenceOf(content.object),
      reason: content.reason,
      message: content.message,
      type: content.type,
      source: { component: options.component, ...(options.host === undefined ? {} : { host: options.host }) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: options.component,
      reportingInstance: options.host ?? "",
    };
  };

  const write = async (content: EventContent, at: Date): Promise<void> => {
    const call = { signal: abort.signal };
    const known = correlator.written(content);
    if (known !== undefined) {
      const patch = {
        count: known.count + 1,
        message: content.message,
        lastTimestamp: at.toISOString().replace(/\.\d+Z$/, "Z"),
      };
      try {
        await options.api.mergePatch({ resource: EVENTS, namespace: known.namespace, name: known.name }, patch, call);
        correlator.note(content, { ...known, count: known.count + 1 });
        return;
      } catch (error) {
        // Events are forgotten by the API server after an hour: write it anew.
        if (!(error instanceof WeirError && error.code === "api.notFound")) throw error;
      }
    }
    const body = createBody(content, at);
    await options.api.create(EVENTS, body, call);
    correlator.note(content, { name: body.metadata.name, namespace: body.metadata.namespace ?? "default", count: 1 });
  };

  const deliver = async (content: EventContent, at: Date): Promise<void> => {
    for (let attempt = 0; attempt < ATTEMPTS && !abort.signal.aborted; attempt += 1) {
      try {
        await write(content, at);
        counts.written += 1;
        return;
      } catch (error) {
        if (!(error instanceof WeirError) || error.class !== "retry") break;
        await pause(clock, error.retryAfterMs ?? FIRST_RETRY_MS * 2 ** attempt, abort.signal);
      }
    }
    counts.failed += 1;
  };

  return {
    record(happening) {
      const message =
        happening.message.length > LONGEST_MESSAGE
          ? `${happening.message.slice(0, LONGEST_MESSAGE - 1)}…`
          : happening.message;
      const content = correlator.judge({ ...happening, message }, clock.monotonicMs());
      if (content === undefined || waiting >= capacity || abort.signal.aborted) {
        counts.dropped += 1;
        return;
      }
      const at = clock.now();
      waiting += 1;
      tail = tail
        .then(() => deliver(content, at))
        .finally(() => {
          waiting -= 1;
        });
    },
    counts,
    idle: () => tail,
    async stop(graceMs = 3000) {
      const enough = new AbortController();
      const grace = pause(clock, graceMs, enough.signal).then(() => abort.abort());
      await tail;
      enough.abort();
      await grace;
    },
  };
}

function referenceOf({ apiVersion, kind, metadata }: Happening["object"]): object {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
