import { recordUpdate } from "./apply/managedFields.ts";
import type { Tokens } from "./auth.ts";
import { ownAccess, ownRules, subjectAccess } from "./authorization/accessReviews.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import { isRecord } from "./decode.ts";
import type { ReviewKind } from "./discovery.ts";
import { timestamp } from "./metadata.ts";
import { reviewSchemas } from "./reviewSchemas.ts";
import type { BoundObject, ServiceAccountTokens, TokenHolder } from "./serviceAccountTokens.ts";
import { badRequest, invalid } from "./status.ts";
import { apiVersionOf, type KubeObject, type UserInfo } from "./types.ts";

/** Who asks, and where. */
export interface Asking {
  readonly user: UserInfo;
  /** Of the path; empty without one. */
  readonly namespace: string;
  readonly manager: string;
  readonly now: Date;
}

/** What reviews are answered from. */
export interface Witnesses {
  readonly authorizer: Authorizer;
  readonly tokens: Tokens;
  readonly accounts: ServiceAccountTokens;
}

/** Answers a review: nothing is stored. */
export function answerReview(review: ReviewKind, body: unknown, asking: Asking, witnesses: Witnesses): unknown {
  const stated = isRecord(body) ? body : {};
  const spec = isRecord(stated["spec"]) ? stated["spec"] : {};
  const status = statusOf(review, spec, asking, witnesses);
  const head = { kind: review.kind, apiVersion: apiVersionOf(review.group, review.version) };
  switch (review.kind) {
    case "SelfSubjectReview":
      return { ...head, metadata: { creationTimestamp: timestamp(asking.now) }, status };
    case "SelfSubjectRulesReview":
      return { ...head, metadata: {}, spec: {}, status };
    default: {
      const metadata = isRecord(stated["metadata"]) ? stated["metadata"] : {};
      const local = review.namespaced ? { namespace: asking.namespace } : {};
      return { ...withOwner({ ...head, metadata: { ...metadata, ...local }, spec }, asking), status };
    }
  }
}

function withOwner(object: KubeObject, { manager, now }: Asking, subresource?: string): KubeObject {
  const { kind, apiVersion } = object;
  const schema = reviewSchemas[kind];
  const at = subresource === undefined ? {} : { subresource };
  return recordUpdate({ live: undefined, next: object, manager, schema, now, apiVersion, ...at });
}

function statusOf(
  review: ReviewKind,
  spec: Record<string, unknown>,
  { user, namespace }: Asking,
  { authorizer, tokens, accounts }: Witnesses,
): unknown {
  switch (review.kind) {
    case "TokenReview":
      return tokenStatus(spec, tokens, accounts);
    case "SelfSubjectReview":
      return { userInfo: user };
    case "SelfSubjectRulesReview":
      return ownRules(authorizer, spec, user);
    case "SelfSubjectAccessReview":
      return ownAccess(authorizer, spec, user);
    default:
      return subjectAccess(authorizer, spec, review.namespaced ? namespace : undefined);
  }
}

function tokenStatus(spec: Record<string, unknown>, tokens: Tokens, accounts: ServiceAccountTokens): unknown {
  const token = typeof spec["token"] === "string" ? spec["token"] : "";
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const holder = holderOf(token, tokens, accounts);
  if (holder === undefined) return { user: {}, error: "invalid bearer token" };
  const wanted = textsOf(spec["audiences"]);
  const targets = wanted.length === 0 ? [accounts.issuer] : wanted;
  const audiences = holder.audiences.filter((each) => targets.includes(each));
  if (audiences.length > 0) return { authenticated: true, user: holder.user, audiences };
  const list = (values: readonly string[]) => `[${values.map((each) => JSON.stringify(each)).join(" ")}]`;
  const why = `token audiences ${list(holder.audiences)} is invalid for the target audiences ${list(targets)}`;
  return { user: {}, error: `[invalid bearer token, ${why}]` };
}

function holderOf(token: string, tokens: Tokens, accounts: ServiceAccountTokens): TokenHolder | undefined {
  const user = tokens.userOf(token);
  return user === undefined ? accounts.holderOf(token) : { user, audiences: [accounts.issuer] };
}

/** Whom the API server itself takes the bearer of a token for: tokens for other audiences are none here. */
export function bearerOf(token: string, tokens: Tokens, accounts: ServiceAccountTokens): UserInfo | undefined {
  const holder = holderOf(token, tokens, accounts);
  return holder?.audiences.includes(accounts.issuer) ? holder.user : undefined;
}

const shortestSeconds = 600;
const defaultSeconds = 3_600;

/** The answer to `serviceaccounts/token`. Throws 422 for a life that is too short. */
export function answerTokenRequest(
  body: unknown,
  account: KubeObject,
  asking: Asking,
  accounts: ServiceAccountTokens,
): unknown {
  const spec = isRecord(body) && isRecord(body["spec"]) ? body["spec"] : {};
  const stated = spec["expirationSeconds"];
  const seconds = typeof stated === "number" ? stated : defaultSeconds;
  if (seconds < shortestSeconds) {
    const message = `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`;
    const error = { reason: "FieldValueInvalid", field: "spec.expirationSeconds", message };
    throw invalid("authentication.k8s.io", "TokenRequest", "", [error]);
  }
  const bound = isRecord(spec["boundObjectRef"]) ? (spec["boundObjectRef"] as unknown as BoundObject) : undefined;
  const audiences = textsOf(spec["audiences"]);
  const settled = audiences.length === 0 ? [accounts.issuer] : audiences;
  const issued = accounts.issue(account, {
    audiences: settled,
    expirationSeconds: seconds,
    ...(bound === undefined ? {} : { bound }),
  });
  const { name, namespace, uid } = account.metadata;
  const metadata = { name, namespace, uid, creationTimestamp: timestamp(asking.now) };
  const head = { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", metadata } as KubeObject;
  // Only what was asked for has an owner; what the server filled in has none.
  const { managedFields } = withOwner({ ...head, metadata: {}, spec }, asking, "token").metadata;
  return {
    ...head,
    metadata: { ...metadata, ...(managedFields === undefined ? {} : { managedFields }) },
    spec: { audiences: settled, expirationSeconds: seconds, boundObjectRef: bound ?? null },
    status: issued,
  };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
