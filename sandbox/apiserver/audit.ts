/** The audit log: a line for each write that was let in, as a policy of level Metadata has it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ResourceRequest } from "./request.ts";
import type { UserInfo } from "./types.ts";

/** An Event of audit.k8s.io/v1. */
export interface AuditEvent {
  readonly kind: "Event";
  readonly apiVersion: "audit.k8s.io/v1";
  readonly level: "Metadata";
  readonly auditID: string;
  readonly stage: "ResponseComplete";
  readonly requestURI: string;
  readonly verb: string;
  readonly user: UserInfo;
  readonly sourceIPs: readonly string[];
  readonly userAgent: string;
  readonly objectRef: Readonly<Record<string, string>>;
  readonly responseStatus: { readonly metadata: object; readonly code: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  /** What webhooks said for the log: `webhook/key`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export type Audit = (event: AuditEvent) => void;

/** Takes what a webhook says; what was said first under a key stays. */
export type Annotate = (key: string, value: string) => void;

export interface Audited {
  readonly request: ResourceRequest;
  readonly user: UserInfo;
  readonly userAgent: string;
}

/** Follows a write to its answer, and tells of it then. */
export function follow(
  audit: Audit,
  { request, user, userAgent }: Audited,
  { url = "", socket }: IncomingMessage,
  response: ServerResponse,
  now: () => Date,
): Annotate {
  const received = now();
  const annotations = new Map<string, string>();
  response.once("close", () =>
    audit({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      auditID: randomUUID(),
      stage: "ResponseComplete",
      requestURI: url,
      verb: request.verb,
      user,
      sourceIPs: [socket.remoteAddress ?? "127.0.0.1"],
      userAgent,
      objectRef: referenceTo(request),
      responseStatus: { metadata: {}, code: response.statusCode },
      requestReceivedTimestamp: micro(received),
      stageTimestamp: micro(now()),
      ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    }),
  );
  return (key, value) => {
    if (!annotations.has(key)) annotations.set(key, value);
  };
}

function referenceTo({ resource, version, namespace, name, subresource = "" }: ResourceRequest) {
  const { plural, group } = resource;
  const fields = { resource: plural, namespace, name, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** Times of the log have six digits behind the second. */
function micro(time: Date): string {
  return time.toISOString().replace("Z", "000Z");
}
