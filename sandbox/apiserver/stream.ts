import type { Call, Cluster } from "./cluster.ts";
import type { Exchange } from "./handlers.ts";
import type { WatchStream } from "./interference.ts";
import { Outlet } from "./outlet.ts";
import { eventLine, type Form, negotiate } from "./present.ts";
import { statusOf } from "./status.ts";
import { eventTable, partialOf } from "./tables.ts";
import type { KubeObject } from "./types.ts";
import { openWatch, type StreamEvent } from "./watch.ts";

/** Answers a watch with one JSON document per line. */
export function streamWatch(cluster: Cluster, call: Call, exchange: Exchange): void {
  const { request, response, query, answer, streams } = exchange;
  const form = negotiate(request.headers.accept, query, call.request.resource.custom);
  const open = openWatch(cluster, call, query);
  answer.stream("application/json");
  const lines = new EventLines(cluster, call, form);
  const outlet = new Outlet(response);
  let stop: () => void = () => undefined;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    stop();
    streams.delete(stream);
    outlet.end();
  };
  const stream: WatchStream = {
    call,
    end,
    cut: () => void response.destroy(),
    hold: () => outlet.hold(),
    release: () => outlet.release(),
  };
  streams.add(stream);
  exchange.interference.watch?.(stream);
  response.on("close", end);
  response.on("error", end);
  stop = open({
    send(event) {
      if (!ended) outlet.send(lines.of(event));
    },
    end: () => outlet.whenFree(end),
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

  of(event: StreamEvent): Buffer {
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

function line(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
