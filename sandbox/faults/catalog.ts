/** The closed list of faults, with their parameters: what can be asked for, in code and from a terminal. Pure. */
import { durationMs } from "../node/faults.ts";

/** Requests over HTTP that a fault concerns; what is left out means any. The sandbox's own controllers are never concerned. */
export interface Concerned {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb?: string;
  /** `deployments`, `deployments.apps`, `Deployment`, `deployments/scale`. */
  readonly resource?: string;
  /** As the server knows it: `admin`, `system:serviceaccount:demo:operator`. */
  readonly user?: string;
}

/** Ends by itself after so many requests. */
interface Counted {
  readonly times?: number;
}

export type Fault =
  | ({ readonly name: "dropWatches" } & Omit<Concerned, "verb">)
  | { readonly name: "expireHistory" }
  | ({ readonly name: "conflictNext"; readonly resource: string; readonly user?: string } & Counted)
  | ({ readonly name: "throttle"; readonly retryAfterSeconds?: number } & Concerned & Counted)
  | ({ readonly name: "fail"; readonly code?: number } & Concerned & Counted)
  | ({ readonly name: "delay"; readonly milliseconds: number } & Concerned & Counted)
  | ({ readonly name: "stallWatches" } & Omit<Concerned, "verb">)
  | { readonly name: "freezeController"; readonly controller: string }
  | { readonly name: "killPod"; readonly pod: string; readonly namespace?: string }
  | { readonly name: "unreachableNode"; readonly node?: string; readonly graceMilliseconds?: number }
  | { readonly name: "loseMetrics" }
  | { readonly name: "slowMetrics"; readonly milliseconds: number }
  | { readonly name: "cutWebhook"; readonly webhook?: string };

export type FaultName = Fault["name"];

interface Parameter {
  readonly kind: "text" | "number" | "milliseconds";
  readonly required: boolean;
}

interface Entry {
  readonly what: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

const text: Parameter = { kind: "text", required: false };
const number: Parameter = { kind: "number", required: false };
const needed = (parameter: Parameter): Parameter => ({ ...parameter, required: true });
const duration: Parameter = { kind: "milliseconds", required: false };
const concerned = { verb: text, resource: text, user: text };
const watches = { resource: text, user: text };

export const CATALOG: Readonly<Record<FaultName, Entry>> = {
  dropWatches: { what: "breaks the connection of every watch, and of new ones while it lasts", parameters: watches },
  expireHistory: { what: "forgets the past: watches that go on from an older version get 410", parameters: {} },
  conflictNext: {
    what: "answers the next update or patch of a resource with 409 Conflict",
    parameters: { resource: needed(text), user: text, times: number },
  },
  throttle: {
    what: "answers 429 with Retry-After",
    parameters: { ...concerned, times: number, retryAfterSeconds: number },
  },
  fail: {
    what: "answers 500, or another code from 500 to 504",
    parameters: { ...concerned, times: number, code: number },
  },
  delay: {
    what: "lets requests wait before they are handled",
    parameters: { ...concerned, times: number, milliseconds: needed(duration) },
  },
  stallWatches: {
    what: "sends nothing on watches without closing them; what came meanwhile follows",
    parameters: watches,
  },
  freezeController: {
    what: "stops a controller, such as deployment-controller",
    parameters: { controller: needed(text) },
  },
  killPod: { what: "kills the processes of a pod", parameters: { pod: needed(text), namespace: text } },
  unreachableNode: {
    what: "cuts a node off: Ready becomes Unknown and its pods not ready after a short grace",
    parameters: { node: text, graceMilliseconds: duration },
  },
  loseMetrics: { what: "breaks off every query of the metrics server", parameters: {} },
  slowMetrics: { what: "lets queries of the metrics server wait", parameters: { milliseconds: needed(duration) } },
  cutWebhook: { what: "lets calls of a webhook (or of all) find nobody", parameters: { webhook: text } },
};

/** Everything that is wrong with a wish for a fault, in words for the one who asked. */
export class FaultProblem extends Error {}

/** A fault from what came over HTTP or from a command line. Throws FaultProblem. */
export function parseFault(name: unknown, values: Readonly<Record<string, unknown>>): Fault {
  const entry = typeof name === "string" && Object.hasOwn(CATALOG, name) ? CATALOG[name as FaultName] : undefined;
  if (entry === undefined)
    throw new FaultProblem(`there is no fault ${JSON.stringify(name)}: choose one of ${listed()}`);
  const fault: Record<string, unknown> = { name };
  for (const [key, value] of Object.entries(values)) {
    const parameter = Object.hasOwn(entry.parameters, key) ? entry.parameters[key] : undefined;
    if (parameter === undefined) {
      const known = Object.keys(entry.parameters).join(", ");
      throw new FaultProblem(`${name} has no parameter ${key}${known === "" ? "" : `: it takes ${known}`}`);
    }
    fault[key] = parseValue(`${name}: ${key}`, parameter, value);
  }
  for (const [key, { required }] of Object.entries(entry.parameters)) {
    if (required && fault[key] === undefined) throw new FaultProblem(`${name} needs ${key}`);
  }
  checkCode(fault);
  // The catalog holds the parameters of each name.
  return fault as unknown as Fault;
}

function listed(): string {
  return Object.keys(CATALOG).join(", ");
}

function parseValue(what: string, { kind }: Parameter, value: unknown): string | number {
  if (kind === "text") {
    if (typeof value === "string" && value !== "") return value;
    throw new FaultProblem(`${what} must be a text`);
  }
  // The name says the unit of a bare number; `--for 3` means seconds.
  const united = kind === "milliseconds" && typeof value === "string" && !/^\d+$/.test(value);
  const parsed = united ? durationMs(value) : Number(value);
  if (parsed !== undefined && Number.isFinite(parsed) && parsed >= 0 && value !== "") return parsed;
  const wanted = kind === "number" ? "a number" : "a duration such as 500ms or 2s";
  throw new FaultProblem(`${what} must be ${wanted}, not ${JSON.stringify(value)}`);
}

function checkCode({ name, code }: Readonly<Record<string, unknown>>): void {
  if (name !== "fail" || code === undefined) return;
  if (![500, 501, 502, 503, 504].includes(code as number)) throw new FaultProblem("fail: code must be from 500 to 504");
}
