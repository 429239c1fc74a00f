import type { Call, Cluster } from "./cluster.ts";
import type { Exchange } from "./handlers.ts";
import type { WatchStream } from "./interference.ts";
import { eventLine, type Form, negotiate } from "./present.ts";
import { statusOf } from "./status.ts";
import { eventTable, partialOf } from "./tables.ts";
import type { KubeObject } from "./types.ts";
import { openWatch, type StreamEvent } from "./watch.ts";

/** A watcher that reads so slowly that this much waits for it is cut off; it can start over. */
const largestBacklog = 64 * 1024 * 1024;

/** Answers a watch with one JSON document per line. */
export function streamWatch(cluster: Cluster, call: Call, exchange: Exchange): void {
  const { request, response, query, answer, streams } = exchange;
  const form = negotiate(request.headers.accept, query, call.request.resource.custom);
  const open = openWatch(cluster, call, query);
  answer.stream("application/json");
  const lines = new EventLines(cluster, call, form);
  let stop: () => void = () => undefined;
  let ended = false;
  let over = false;
  let held: string[] | undefined;
  const end = () => {
    if (ended) return;
    ended = true;
    stop();
    streams.delete(stream);
    response.end();
  };
  const stream: WatchStream = {
    call,
    end,
    cut: () => void response.destroy(),
    hold() {
      held ??= [];
    },
    release() {
      const late = held ?? [];
      held = undefined;
      if (!ended) for (const each of late) response.write(each);
      if (over) end();
    },
  };
  streams.add(stream);
  exchange.interference.watch?.(stream);
  response.on("close", end);
  response.on("error", end);
  stop = open({
    send(event) {
      if (ended || over) return;
      if (held !== undefined) return void held.push(lines.of(event));
      response.write(lines.of(event));
      if (response.writableLength > largestBacklog) response.destroy();
    },
    end() {
      over = true;
      // A stream that is held does not tell its end either.
      if (held === undefined) end();
    },
  });
  if (ended) stop();
}

/** Turns events into lines of the form that the watcher asked for. */
class EventLines {
  readonly #cluster: Cluster;
  readonly #call: Call;
  readonly #form: Form;
  #first = true;

  constructor(cluster: Cluster, call: Call, form: Form) {
    this.#cluster = cluster;
    this.#call = call;
    this.#form = form;
  }

  of(event: StreamEvent): string {
    if (event.type === "ERROR") return line("ERROR", statusOf(event.error));
    const { object, type } = event;
    switch (this.#form.as) {
      case "object":
        return eventLine(type === "BOOKMARK" ? undefined : event.source, type, object);
      case "PartialObjectMetadata":
      case "PartialObjectMetadataList":
        return line(type, partialOf(object));
      case "Table":
        return line(type, this.#table(object));
    }
  }

  #table(object: KubeObject): unknown {
    const { resource, version } = this.#call.request;
    const table = eventTable(resource, version, object, this.#form, this.#cluster.now(), this.#first);
    this.#first = false;
    return table;
  }
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}
