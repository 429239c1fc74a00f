import { badRequest } from "./status.ts";
import type { KubeObject, Resource } from "./types.ts";

/** True for the objects that are selected. */
export type Predicate = (object: KubeObject) => boolean;

export const everything: Predicate = () => true;

interface Requirement {
  readonly key: string;
  readonly operator: "=" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";
  readonly values: readonly string[];
}

const namePart = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const prefixPart = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Parses `app=podinfo,tier in (a, b),!old`. Throws 400 as the API server words it. */
export function parseLabelSelector(text: string): Predicate {
  const requirements = new LabelParser(text).parse();
  if (requirements.length === 0) return everything;
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return requirements.every((requirement) => holds(requirement, labels[requirement.key]));
  };
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "=":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(values[0]);
    case "lt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(values[0]);
  }
}

/** Recursive descent over the tokens of a label selector. */
class LabelParser {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!<>(),]|[^\s=!<>(),]+/g) ?? [];
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#tokens.length === 0) return requirements;
    for (;;) {
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next === undefined) return requirements;
      if (next !== ",") throw badRequest(`found '${next}', expected: ',' or 'end of string'`);
      if (this.#peek() === undefined) throw badRequest("found '', expected: identifier after ','");
    }
  }

  #requirement(): Requirement {
    const first = this.#peek() ?? "";
    const absent = first === "!";
    if (!absent && isSymbol(first)) {
      throw badRequest(`found '${first}', expected: !, identifier, or 'end of string'`);
    }
    if (absent) this.#take();
    const key = this.#take();
    if (key === undefined || isSymbol(key)) throw unparsable(`found '${key ?? ""}', expected: identifier`);
    checkKey(key);
    const next = this.#peek();
    if (absent || next === undefined || next === ",") return { key, operator: absent ? "!" : "exists", values: [] };
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#set() : [this.#value()];
    for (const value of values) checkValue(key, operator, value);
    return { key, operator, values };
  }

  #operator(): Requirement["operator"] {
    const token = this.#take();
    switch (token) {
      case "=":
      case "==":
        return "=";
      case "!=":
      case "in":
      case "notin":
        return token;
      case ">":
        return "gt";
      case "<":
        return "lt";
      default:
        throw unparsable(`found '${token ?? ""}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #value(): string {
    const token = this.#peek();
    if (token === undefined || token === ",") return "";
    this.#take();
    if (isSymbol(token)) throw unparsable(`found '${token}', expected: identifier`);
    return token;
  }

  #set(): string[] {
    const open = this.#take();
    if (open !== "(") throw unparsable(`found '${open ?? ""}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      if (token === ")") return values.length === 0 ? [""] : values;
      if (token === ",") values.push("");
      else if (token !== undefined && !isSymbol(token)) values.push(token);
      else throw unparsable(`found '${token ?? ""}', expected: ',', ')' or identifier`);
      const next = this.#peek();
      if (next === ",") this.#take();
      else if (next !== ")") throw unparsable(`found '${next ?? ""}', expected: ',' or ')'`);
    }
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(): string | undefined {
    return this.#tokens[this.#at++];
  }
}

function isSymbol(token: string): boolean {
  return /^[=!<>(),]+$/.test(token);
}

function unparsable(why: string) {
  return badRequest(`unable to parse requirement: ${why}`);
}

function checkKey(key: string): void {
  const slash = key.indexOf("/");
  const name = key.slice(slash + 1);
  if (slash >= 0 && !prefixPart.test(key.slice(0, slash))) {
    const text =
      "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${text}`);
  }
  if (!namePart.test(name)) {
    const text =
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: ${text}`);
  }
}

function checkValue(key: string, operator: Requirement["operator"], value: string): void {
  if (operator === "gt" || operator === "lt") {
    if (!/^-?\d+$/.test(value)) {
      const text = `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`;
      throw badRequest(`unable to parse requirement: ${text}`);
    }
    return;
  }
  if (value === "" || namePart.test(value)) return;
  const text =
    value.length > 63
      ? "must be no more than 63 characters"
      : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  const where = `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${text}`;
  throw badRequest(`unable to parse requirement: ${where}`);
}

/** Fields beyond metadata.name and metadata.namespace that lists of a resource can be narrowed by. */
const selectableFields: Record<string, readonly string[]> = {
  pods: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  events: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  namespaces: ["status.phase"],
  secrets: ["type"],
  nodes: ["spec.unschedulable"],
  services: ["spec.clusterIP", "spec.type"],
  jobs: ["status.successful"],
};

/** Parses `metadata.name=a,status.phase!=Running` for one resource. Throws 400 for fields that cannot be selected by. */
export function parseFieldSelector(text: string, resource: Resource): Predicate {
  const terms = text.split(",").filter((term) => term !== "");
  if (terms.length === 0) return everything;
  const predicates = terms.map((term) => fieldTerm(term, resource, text));
  return (object) => predicates.every((predicate) => predicate(object));
}

function fieldTerm(term: string, resource: Resource, whole: string): Predicate {
  const match = /^([^=!]+)(==|!=|=)(.*)$/.exec(term);
  if (match === null) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  const [, field = "", operator, wanted = ""] = match;
  const custom = resource.selectableFields ?? selectableFields[resource.plural] ?? [];
  if (field !== "metadata.name" && field !== "metadata.namespace" && !custom.includes(field)) {
    const message = resource.custom
      ? `field label not supported: ${field}`
      : custom.length === 0
        ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported: ${field}`;
    throw badRequest(message);
  }
  const path = field.split(".");
  const equal = operator !== "!=";
  return (object) => (text(valueAt(object, path, field)) === wanted) === equal;
}

function valueAt(object: KubeObject, path: readonly string[], field: string): unknown {
  if (field === "source") return object["source"]?.component ?? object["reportingComponent"];
  if (field === "spec.unschedulable") return object["spec"]?.unschedulable ?? false;
  let value: unknown = object;
  for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
