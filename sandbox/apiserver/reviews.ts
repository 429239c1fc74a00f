import { groupsOf, type Tokens } from "./auth.ts";
import { isRecord } from "./decode.ts";
import type { ReviewKind } from "./discovery.ts";
import type { UserInfo } from "./types.ts";

/** Answers a review: nothing is stored. Everything is allowed to everybody who has a token. */
export function answerReview(review: ReviewKind, body: unknown, user: UserInfo, tokens: Tokens): unknown {
  const stated = isRecord(body) ? body : {};
  const spec = isRecord(stated["spec"]) ? stated["spec"] : {};
  const { kind: _, apiVersion: __, ...rest } = stated;
  return {
    kind: review.kind,
    apiVersion: `${review.group}/${review.version}`,
    ...rest,
    metadata: isRecord(stated["metadata"]) ? stated["metadata"] : {},
    status: statusOf(review, spec, user, tokens),
  };
}

const everyVerb = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const everyPath = { verbs: ["*"], nonResourceURLs: ["*"] };

function statusOf(review: ReviewKind, spec: Record<string, unknown>, user: UserInfo, tokens: Tokens): unknown {
  switch (review.kind) {
    case "TokenReview":
      return tokenStatus(String(spec["token"] ?? ""), tokens);
    case "SelfSubjectReview":
      return { userInfo: user };
    case "SelfSubjectRulesReview":
      return { resourceRules: [everyVerb], nonResourceRules: [everyPath], incomplete: false };
    default:
      return { allowed: true };
  }
}

function tokenStatus(token: string, tokens: Tokens): unknown {
  const user = tokens.userOf(token);
  if (user === undefined) return { user: {}, error: "[invalid bearer token]" };
  return { authenticated: true, user };
}

/** The answer to `serviceaccounts/token`. */
export function answerTokenRequest(body: unknown, namespace: string, name: string, tokens: Tokens, now: Date): unknown {
  const spec = isRecord(body) && isRecord(body["spec"]) ? body["spec"] : {};
  const username = `system:serviceaccount:${namespace}:${name}`;
  const seconds = typeof spec["expirationSeconds"] === "number" ? spec["expirationSeconds"] : 3_600;
  const expires = new Date(now.getTime() + seconds * 1000).toISOString();
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, creationTimestamp: `${now.toISOString().slice(0, 19)}Z` },
    spec: { audiences: ["https://kubernetes.default.svc"], expirationSeconds: 3_600, boundObjectRef: null, ...spec },
    status: {
      token: tokens.issue({ username, groups: groupsOf(username) }),
      expirationTimestamp: `${expires.slice(0, 19)}Z`,
    },
  };
}
