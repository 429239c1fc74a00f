import type { RawObject, Resource } from "../api/index.ts";
import type { Api } from "../controller/kube/api.ts";
import type { Recorder } from "../controller/kube/events.ts";
import { type AdmissionRequest, type Bypass, type Index, type Outcome, untouched } from "../mutators/types.ts";
import { warning } from "../mutators/warning.ts";

const reviews: Resource = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
};

/** As long as the API server itself trusts such an answer: a right that is taken away must not last. */
const trustedMs = 10_000;
const mostAnswers = 1_000;

export interface BypassParts {
  readonly api: Pick<Api, "create">;
  readonly recorder: Pick<Recorder, "record">;
  /** Milliseconds that only rise. */
  readonly nowMs: () => number;
}

/** What becomes of an outcome once its writer's rights are known, or when they are not known within the timeout. */
export type BreakGlass = (
  request: AdmissionRequest,
  outcome: Outcome,
  index: Index,
  timeoutMs: number,
) => Promise<Outcome>;

/**
 * Lets those past a refusal who have the verb `bypass` on the Canary it stands for. Seen afterwards: in the audit log, in a warning to
 * the writer, in an event on the Canary, and as reason `Bypassed` in the metrics. When the API server does not say yes, the refusal stays.
 */
export function createBreakGlass({ api, recorder, nowMs }: BypassParts): BreakGlass {
  const answers = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>();
  const isAllowed = async ({ userInfo }: AdmissionRequest, bypass: Bypass, timeoutMs: number): Promise<boolean> => {
    const spec = accessSpec(userInfo, bypass);
    const key = JSON.stringify(spec);
    const known = answers.get(key);
    if (known !== undefined && nowMs() < known.untilMs) {
      return known.allowed;
    }
    const question = { apiVersion: "authorization.k8s.io/v1", kind: reviews.kind, metadata: { name: "" }, spec };
    const answer = await api.create(reviews, question, { timeoutMs });
    const allowed = (answer["status"] as { allowed?: unknown } | undefined)?.allowed === true;
    answers.delete(key);
    answers.set(key, { allowed, untilMs: nowMs() + trustedMs });
    for (const oldest of answers.keys()) {
      if (answers.size <= mostAnswers) break;
      answers.delete(oldest);
    }
    return allowed;
  };
  const pass = (request: AdmissionRequest, refusal: Outcome, bypass: Bypass, index: Index): Outcome => {
    if (!request.dryRun) {
      record(recorder, request, bypass, index);
    }
    const passed = untouched("Bypassed", [warning(`let through by your right to bypass canary ${bypass.canary}`)]);
    return { ...passed, audit: { canary: `${bypass.namespace}/${bypass.canary}`, ...refusal.audit } };
  };
  return async (request, outcome, index, timeoutMs) => {
    const bypass = outcome.kind === "refused" ? outcome.bypass : undefined;
    const passes = bypass !== undefined && (await isAllowed(request, bypass, timeoutMs).catch(() => false));
    return passes ? pass(request, outcome, bypass, index) : outcome;
  };
}

function accessSpec(userInfo: AdmissionRequest["userInfo"], { namespace, canary }: Bypass): object {
  const { username = "", groups = [], uid, extra } = userInfo;
  return {
    user: username,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
    resourceAttributes: { group: "flagger.app", resource: "canaries", verb: "bypass", namespace, name: canary },
  };
}

function record(recorder: Pick<Recorder, "record">, request: AdmissionRequest, bypass: Bypass, index: Index): void {
  const canary = index.canariesIn(bypass.namespace).find(({ metadata }) => metadata.name === bypass.canary);
  if (canary === undefined) {
    return;
  }
  const { kind, name = "", userInfo } = request;
  recorder.record({
    object: canary as unknown as RawObject,
    type: "Warning",
    reason: "Bypassed",
    message: `${userInfo.username ?? ""} wrote ${kind.kind} ${name} past the protection of canary ${bypass.canary}`,
  });
}
