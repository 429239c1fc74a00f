/** Faults of the API server that single requests meet. */
import type { Call } from "../apiserver/cluster.ts";
import type { Interference } from "../apiserver/interference.ts";
import { conflict, modifiedMeanwhile } from "../apiserver/status.ts";
import { ApiError, keyOf } from "../apiserver/types.ts";
import type { Concerned, Fault } from "./catalog.ts";

/** What happens to one request: an error is thrown, or time passes. */
export type Meet = (call: Call) => Promise<void>;

/** The rules that requests have to pass, in the order in which they were set. While there are none, nobody is asked. */
export class RequestRules {
  readonly #interference: Interference;
  readonly #rules = new Set<Meet>();

  constructor(interference: Interference) {
    this.#interference = interference;
  }

  add(rule: Meet): () => void {
    this.#rules.add(rule);
    this.#interference.request = async (call) => {
      for (const each of [...this.#rules]) await each(call);
    };
    return () => {
      this.#rules.delete(rule);
      if (this.#rules.size === 0) this.#interference.request = undefined;
    };
  }
}

type RequestFault = Extract<Fault, { name: "conflictNext" | "throttle" | "fail" | "delay" }>;

/** The rule of a fault. `usedUp` is called when it has met as many requests as it should. */
export function ruleOf(fault: RequestFault, ended: AbortSignal, usedUp: () => void): Meet {
  let left = fault.times ?? (fault.name === "conflictNext" ? 1 : Number.POSITIVE_INFINITY);
  return async (call) => {
    if (left <= 0 || !isMet(fault, call)) return;
    left -= 1;
    const last = left === 0;
    if (fault.name === "delay") await passing(fault.milliseconds, ended);
    if (last) usedUp();
    if (fault.name !== "delay") throw errorOf(fault, call);
  };
}

function isMet(fault: RequestFault, call: Call): boolean {
  const { verb } = call.request;
  if (fault.name === "conflictNext") return (verb === "update" || verb === "patch") && isConcerned(fault, call);
  return isConcerned(fault, call);
}

export function isConcerned({ verb, resource, user }: Concerned, call: Call): boolean {
  if (verb !== undefined && verb !== call.request.verb) return false;
  if (user !== undefined && user !== call.user.username) return false;
  return resource === undefined || namesOf(call).has(resource.toLowerCase());
}

/** Every way to name the resource of a request; without its subresource, all of them are meant. */
function namesOf({ request }: Call): Set<string> {
  const { group, plural, singular, kind, shortNames } = request.resource;
  const names = [keyOf(group, plural), plural, singular, kind, ...shortNames].map((name) => name.toLowerCase());
  const { subresource } = request;
  return new Set(subresource === undefined ? names : [...names, ...names.map((name) => `${name}/${subresource}`)]);
}

function errorOf(fault: Exclude<RequestFault, { name: "delay" }>, { request }: Call): ApiError {
  switch (fault.name) {
    case "conflictNext":
      return conflict(request.resource, request.name, modifiedMeanwhile);
    case "throttle": {
      const retryAfterSeconds = fault.retryAfterSeconds ?? 1;
      const message = "Too many requests, please try again later.";
      return new ApiError(429, "TooManyRequests", message, { retryAfterSeconds });
    }
    case "fail":
      return failure(fault.code ?? 500);
  }
}

const FAILURES: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  501: ["NotImplemented", "the server does not implement this"],
  502: ["BadGateway", "bad gateway"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: ["Timeout", "Timeout: request did not complete within requested timeout"],
};

function failure(code: number): ApiError {
  const [reason, message] = FAILURES[code] ?? ["InternalError", "Internal error occurred: a fault was asked for"];
  return new ApiError(code, reason, message, {});
}

/** Resolves after the time, or when the fault ends. */
function passing(milliseconds: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      ended.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    if (ended.aborted) over();
    else ended.addEventListener("abort", over, { once: true });
  });
}
