import { createHash } from "node:crypto";
import { attributionMetadata, type Canary, canonicalJson, type Release } from "../../api/index.ts";

/** What a hook gets as its body. The order of the keys is known too, and kept. */
export interface HookPayload {
  readonly name: string;
  readonly namespace: string;
  readonly phase: string;
  readonly checksum: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The body of a hook's call. Who made the change is told beside the user's own metadata, whose keys win; without either there is no
 * such key.
 */
export function hookPayload(
  canary: Canary,
  phase: string,
  own: Readonly<Record<string, string>> | undefined,
  release: Release | undefined = canary.status?.release,
): HookPayload {
  const metadata = { ...attributionMetadata(release), ...own };
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? "",
    phase,
    checksum: checksumOf(canary),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
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
  own: Readonly<Record<string, string>> | undefined,
): HookPayload {
  return hookPayload(canary, phase, {
    ...own,
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
