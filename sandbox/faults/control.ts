/** Faults over HTTP, for people: `GET`, `POST /sandbox/faults` and `DELETE /sandbox/faults/ID`. */
import type { Control } from "../apiserver/interference.ts";
import { badRequest } from "../apiserver/status.ts";
import { CATALOG, type Fault, FaultProblem, parseFault } from "./catalog.ts";
import type { Faults } from "./faults.ts";

/** How long a fault lasts when nobody says: it has to end by itself. */
const DEFAULT_MS = 10_000;

export function controlFaults(faults: Faults): Control {
  return ({ method, path, body }) => {
    const [room, id] = path.split("/");
    if (room !== "faults") return undefined;
    if (method === "GET" && id === undefined) return { code: 200, document: describe(faults) };
    if (method === "POST" && id === undefined) return begin(faults, body);
    if (method === "DELETE" && id !== undefined) return { code: 200, document: { ended: faults.end(id) } };
    return undefined;
  };
}

function describe(faults: Faults): unknown {
  const known = Object.entries(CATALOG).map(([name, { what, parameters }]) => ({ name, what, parameters }));
  return { known, running: faults.running() };
}

function begin(faults: Faults, body: unknown): { code: number; document: unknown } {
  const { name, forMs = DEFAULT_MS, ...values } = asObject(body);
  if (typeof forMs !== "number" || !(forMs > 0)) throw badRequest("forMs must be a number of milliseconds above 0");
  let fault: Fault;
  try {
    fault = parseFault(name, values);
    // What happens at once is over at once; only what was asked to last does.
    const lasts = fault.name !== "dropWatches" || asObject(body)["forMs"] !== undefined;
    faults.inject(fault, lasts ? forMs : undefined);
  } catch (error) {
    if (error instanceof FaultProblem) throw badRequest(error.message);
    throw error;
  }
  const running = faults.running().find((each) => each.fault === fault);
  return { code: 201, document: { fault, ...(running === undefined ? { over: true } : { id: running.id, forMs }) } };
}

function asObject(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw badRequest('the body must be a JSON object such as {"name": "dropWatches"}');
}
