import { createHash } from "node:crypto";
import { type Canary, canonicalJson } from "../../api/index.ts";

/** What a hook gets as its body. The order of the keys is known too, and kept. */
export interface HookPayload {
  readonly name: string;
  readonly namespace: string;
  readonly phase: string;
  readonly checksum: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The body of a hook's call. Without metadata there is no such key. */
export function hookPayload(
  canary: Canary,
  phase: string,
  metadata: Readonly<Record<string, string>> | undefined,
): HookPayload {
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? "",
    phase,
    checksum: checksumOf(canary),
    ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

export interface ToldEvent {
  readonly type: "Normal" | "Warning";
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The body for hooks that are told of events. What the user configured is added, and cannot pass itself off as the event. */
export function eventPayload(
  canary: Canary,
  phase: string,
  event: ToldEvent,
  metadata: Readonly<Record<string, string>> | undefined,
): HookPayload {
  return hookPayload(canary, phase, {
    ...metadata,
    eventMessage: event.message,
    eventType: event.type,
    timestamp: String(Math.trunc(event.at)),
  });
}

const digits = "456789bcdf";

/** A short word that is the same for the same revision and configuration. Only digits and letters that make no words, as users know it. */
function checksumOf(canary: Canary): string {
  const { trackedConfigs, lastAppliedSpec } = canary.status ?? {};
  const digest = createHash("sha256").update(canonicalJson({ lastAppliedSpec, trackedConfigs })).digest();
  return [...String(digest.readUInt32BE(0))].map((digit) => digits[Number(digit)]).join("");
}
