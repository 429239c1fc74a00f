/** Rules of webhook configurations. */
import { compileCondition } from "../../admission/conditions.ts";
import type { FieldError, KubeObject } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";
import { duplicate, invalid, notSupported, required } from "./errors.ts";
import { selectorErrors } from "./meta.ts";

export function webhookConfigurationErrors(object: KubeObject): FieldError[] {
  const seen = new Set<string>();
  return each(object["webhooks"]).flatMap((webhook, index) => {
    const field = `webhooks[${index}]`;
    const { name = "" } = webhook;
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(`${field}.name`));
    else if (name.split(".").length < 3) {
      const why = "should be a domain with at least three segments separated by dots";
      errors.push(invalid(`${field}.name`, name, why));
    }
    if (seen.has(name)) errors.push(duplicate(`${field}.name`, name));
    seen.add(name);
    return [...errors, ...webhookErrors(field, webhook)];
  });
}

function webhookErrors(field: string, webhook: Json): FieldError[] {
  const errors: FieldError[] = [];
  const versions: string[] = webhook.admissionReviewVersions ?? [];
  if (versions.length === 0) {
    errors.push(required(`${field}.admissionReviewVersions`, "must specify one of v1, v1beta1"));
  } else if (!versions.some((version) => version === "v1" || version === "v1beta1")) {
    errors.push(invalid(`${field}.admissionReviewVersions`, versions, "must include at least one of v1, v1beta1"));
  }
  errors.push(...each(webhook.rules).flatMap((rule, index) => ruleErrors(`${field}.rules[${index}]`, rule)));
  errors.push(...oneOf(`${field}.failurePolicy`, webhook.failurePolicy, ["Fail", "Ignore"]));
  errors.push(...oneOf(`${field}.matchPolicy`, webhook.matchPolicy, ["Equivalent", "Exact"]));
  const effects = ["None", "NoneOnDryRun"];
  if (webhook.sideEffects === undefined)
    errors.push(required(`${field}.sideEffects`, `must specify one of ${effects.join(", ")}`));
  else errors.push(...oneOf(`${field}.sideEffects`, webhook.sideEffects, effects));
  const { timeoutSeconds = 10 } = webhook;
  if (timeoutSeconds < 1 || timeoutSeconds > 30) {
    errors.push(
      invalid(`${field}.timeoutSeconds`, timeoutSeconds, "the timeout value must be between 1 and 30 seconds"),
    );
  }
  for (const selector of ["namespaceSelector", "objectSelector"]) {
    errors.push(...selectorErrors(`${field}.${selector}`, webhook[selector]));
  }
  errors.push(...clientErrors(`${field}.clientConfig`, webhook.clientConfig ?? {}));
  if (webhook.reinvocationPolicy !== undefined) {
    errors.push(...oneOf(`${field}.reinvocationPolicy`, webhook.reinvocationPolicy, ["IfNeeded", "Never"]));
  }
  const names = new Set<string>();
  each(webhook.matchConditions).forEach(({ name, expression = "" }, index) => {
    const at = `${field}.matchConditions[${index}]`;
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    errors.push(...conditionErrors(`${at}.expression`, expression));
    names.add(name);
  });
  return errors;
}

function conditionErrors(field: string, expression: string): FieldError[] {
  if (expression.trim() === "") return [required(field)];
  const compiled = compileCondition(expression);
  if (compiled === undefined)
    return [invalid(field, expression, "compilation failed: the expression is not valid CEL")];
  const { type = "dyn" } = compiled.check();
  const isBoolean = type === "bool" || type === "dyn";
  return isBoolean ? [] : [invalid(field, expression, `must evaluate to bool but got ${type}`)];
}

function oneOf(field: string, value: unknown, supported: readonly string[]): FieldError[] {
  return supported.includes(String(value)) ? [] : [notSupported(field, value ?? "", supported)];
}

const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

function ruleErrors(field: string, rule: Json): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, what] of Object.entries({
    apiGroups: "groups",
    apiVersions: "versions",
    operations: "operations",
  })) {
    const values: string[] = rule[name] ?? [];
    if (values.length === 0) errors.push(required(`${field}.${name}`));
    if (values.length > 1 && values.includes("*")) {
      errors.push(
        invalid(
          `${field}.${name}`,
          values,
          `if '*' is present, must not specify other ${what === "operations" ? what : `API ${what}`}`,
        ),
      );
    }
  }
  const stated: string[] = rule.operations ?? [];
  stated.forEach((operation, index) => {
    errors.push(...oneOf(`${field}.operations[${index}]`, operation, operations));
  });
  const resources: string[] = rule.resources ?? [];
  if (resources.length === 0) errors.push(required(`${field}.resources`));
  if (resources.length > 1 && resources.includes("*/*")) {
    errors.push(invalid(`${field}.resources`, resources, "if '*/*' is present, must not specify other resources"));
  }
  return errors;
}

function clientErrors(field: string, { url, service }: Json): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(field, "exactly one of url or service is required")];
  }
  if (service !== undefined) {
    return ["namespace", "name"].flatMap((name) =>
      (service[name] ?? "") === "" ? [required(`${field}.service.${name}`, `service ${name} is required`)] : [],
    );
  }
  const form = "; desired format: https://host[/path]";
  if (!URL.canParse(url)) return [invalid(`${field}.url`, url, `url must be a valid URL${form}`)];
  const { protocol, search, hash, username } = new URL(url);
  const errors: FieldError[] = [];
  if (protocol !== "https:") {
    errors.push(invalid(`${field}.url`, protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  }
  if (username !== "") errors.push(invalid(`${field}.url`, username, "user information is not permitted in the URL"));
  if (hash !== "") errors.push(invalid(`${field}.url`, hash.slice(1), "fragments are not permitted in the URL"));
  if (search !== "") {
    errors.push(invalid(`${field}.url`, search.slice(1), "query parameters are not permitted in the URL"));
  }
  return errors;
}
