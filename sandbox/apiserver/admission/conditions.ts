/** `matchConditions`: CEL over the request, its objects and an authorizer. */
import type { Environment, ParseResult } from "@marcbachmann/cel-js";
import { compileExpression } from "../cel/compile.ts";
import { evaluationText, kubernetesEnvironment } from "../cel/library.ts";
import { celValue } from "../cel/values.ts";
import type { AdmissionAttributes, UserInfo } from "../types.ts";
import type { Condition } from "./configurations.ts";
import type { ReviewRequest } from "./review.ts";

/** What is asked of an authorizer in a condition. */
export interface AccessQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export type Authorize = (user: UserInfo, question: AccessQuestion) => boolean;

/** Members of system:masters may do everything, others nothing. */
export const mastersOnly: Authorize = (user) => user.groups.includes("system:masters");

class Authorizer {
  readonly decide: (question: AccessQuestion) => boolean;
  readonly question: AccessQuestion;
  constructor(decide: (question: AccessQuestion) => boolean, question: Partial<AccessQuestion> = {}) {
    this.decide = decide;
    this.question = { verb: "", group: "", resource: "", subresource: "", namespace: "", name: "", ...question };
  }
  about(more: Partial<AccessQuestion>): Authorizer {
    return new Authorizer(this.decide, { ...this.question, ...more });
  }
}

class AccessDecision {
  readonly allowed: boolean;
  constructor(allowed: boolean) {
    this.allowed = allowed;
  }
}

let environment: Environment | undefined;

function conditionEnvironment(): Environment {
  environment ??= withAuthorizer(kubernetesEnvironment())
    .registerVariable("request", "dyn")
    .registerVariable("object", "dyn")
    .registerVariable("oldObject", "dyn")
    .registerVariable("namespaceObject", "dyn");
  return environment;
}

function withAuthorizer(base: Environment): Environment {
  base.registerType("Authorizer", { ctor: Authorizer, fields: {} });
  base.registerType("AccessDecision", { ctor: AccessDecision, fields: {} });
  base.registerVariable("authorizer", "Authorizer");
  for (const part of ["group", "resource", "subresource", "namespace", "name"] as const) {
    base.registerFunction(`Authorizer.${part}(string): Authorizer`, (it: Authorizer, value: string) =>
      it.about({ [part]: value }),
    );
  }
  return base
    .registerFunction("Authorizer.check(string): AccessDecision", (it: Authorizer, verb: string) => {
      return new AccessDecision(it.decide({ ...it.question, verb }));
    })
    .registerFunction("AccessDecision.allowed(): bool", (decision: AccessDecision) => decision.allowed)
    .registerFunction("AccessDecision.errored(): bool", () => false)
    .registerFunction("AccessDecision.reason(): string", () => "");
}

/** The compiled condition, or `undefined` when it does not compile. */
export function compileCondition(expression: string): ParseResult | undefined {
  try {
    return compileExpression(conditionEnvironment(), expression);
  } catch {
    return undefined;
  }
}

/** Outcome of all conditions of a webhook: a false one wins over one that fails. */
export type ConditionOutcome = "call" | "skip" | { readonly failed: string };

export function evaluateConditions(
  conditions: readonly Condition[],
  request: ReviewRequest,
  attributes: AdmissionAttributes,
  authorize: Authorize,
): ConditionOutcome {
  if (conditions.length === 0) return "call";
  const { object, oldObject, ...rest } = request;
  const context = {
    request: celValue(undefined, rest),
    object: celValue(undefined, object),
    oldObject: celValue(undefined, oldObject),
    namespaceObject: {},
    authorizer: new Authorizer((question) => authorize(attributes.user, question)),
  };
  const failures: string[] = [];
  for (const { expression, evaluate } of conditions) {
    try {
      if (evaluate === undefined) throw new Error("compilation error");
      if (evaluate(context) !== true) return "skip";
    } catch (error) {
      failures.push(`expression '${expression}' resulted in error: ${evaluationText(error)}`);
    }
  }
  if (failures.length === 0) return "call";
  return { failed: failures.length === 1 ? (failures[0] ?? "") : `[${failures.join(", ")}]` };
}
