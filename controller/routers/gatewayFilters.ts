import { type Canary, type CanaryService, definedOnly, type Fields, parseDuration } from "../../api/index.ts";

type HeaderOperations = NonNullable<NonNullable<CanaryService["headers"]>["request"]>;

/** Filters of every rule, in the known order: request headers, response headers, rewrite, mirrors, CORS. */
export function ruleFilters(canary: Canary, options: { readonly cors: boolean }): readonly Fields[] {
  const service = canary.spec.service;
  return [
    ...headerFilter("RequestHeaderModifier", "requestHeaderModifier", service?.headers?.request),
    ...headerFilter("ResponseHeaderModifier", "responseHeaderModifier", service?.headers?.response),
    ...rewriteFilter(service?.rewrite),
    ...(service?.mirror ?? []).flatMap((mirror) =>
      mirror.backendRef === undefined ? [] : [mirrorFilter(mirror.backendRef)],
    ),
    ...(options.cors ? corsFilter(service?.corsPolicy) : []),
  ];
}

function headerFilter(type: string, field: string, operations: HeaderOperations | undefined): readonly Fields[] {
  const add = nameValues(operations?.add);
  const set = nameValues(operations?.set);
  const remove = operations?.remove ?? [];
  if (add.length + set.length + remove.length === 0) {
    return [];
  }
  const modifier = {
    ...(add.length > 0 ? { add } : {}),
    ...(set.length > 0 ? { set } : {}),
    ...(remove.length > 0 ? { remove } : {}),
  };
  return [{ type, [field]: modifier }];
}

function nameValues(values: Readonly<Record<string, string>> | undefined): readonly Fields[] {
  return Object.entries(values ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}

function rewriteFilter(rewrite: CanaryService["rewrite"]): readonly Fields[] {
  const hostname = rewrite?.authority || undefined;
  const uri = rewrite?.uri || undefined;
  if (hostname === undefined && uri === undefined) {
    return [];
  }
  const path =
    uri === undefined
      ? undefined
      : rewrite?.type === "ReplacePrefixMatch"
        ? { type: "ReplacePrefixMatch", replacePrefixMatch: uri }
        : { type: "ReplaceFullPath", replaceFullPath: uri };
  return [{ type: "URLRewrite", urlRewrite: definedOnly({ hostname, path }) }];
}

/** Sends a copy of each request to a backend. */
export function mirrorFilter(backend: {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}): Fields {
  const backendRef = definedOnly({
    group: backend.group ?? "",
    kind: backend.kind || "Service",
    name: backend.name,
    namespace: backend.namespace || undefined,
    port: backend.port,
  });
  return { type: "RequestMirror", requestMirror: { backendRef } };
}

/** Adds a Set-Cookie header to answers. */
export function setCookieFilter(setCookie: string): Fields {
  return {
    type: "ResponseHeaderModifier",
    responseHeaderModifier: { add: [{ name: "Set-Cookie", value: setCookie }] },
  };
}

/**
 * CORS as an HTTPRoute says it. Origins are plain there: exact entries of `allowOrigins` are taken along, patterns cannot be.
 * maxAge is whole seconds, and 5 when silent, which is also what the CRD would fill in.
 */
function corsFilter(policy: CanaryService["corsPolicy"]): readonly Fields[] {
  if (policy === undefined) {
    return [];
  }
  const origins = [
    ...(policy.allowOrigin ?? []),
    ...(policy.allowOrigins ?? []).flatMap((origin) => (origin.exact === undefined ? [] : [origin.exact])),
  ];
  const maxAgeMs = parseDuration(policy.maxAge);
  const cors = definedOnly({
    allowOrigins: filled(origins),
    allowCredentials: policy.allowCredentials === true ? true : undefined,
    allowMethods: filled(policy.allowMethods),
    allowHeaders: filled(policy.allowHeaders),
    exposeHeaders: filled(policy.exposeHeaders),
    maxAge: maxAgeMs === undefined ? 5 : Math.max(1, Math.floor(maxAgeMs / 1000)),
  });
  return [{ type: "CORS", cors }];
}

function filled(items: readonly string[] | undefined): readonly string[] | undefined {
  return items !== undefined && items.length > 0 ? [...new Set(items)] : undefined;
}

const gatewayDuration = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;

/** Time limits of a rule. HTTPRoute knows whole numbers of h, m, s and ms only, so "1.5s" becomes "1s500ms"; what is no duration is left out. */
export function ruleTimeouts(canary: Canary): Fields | undefined {
  const { timeout, backendTimeout } = canary.spec.service ?? {};
  const timeouts = definedOnly({ request: durationText(timeout), backendRequest: durationText(backendTimeout) });
  return Object.keys(timeouts).length > 0 ? timeouts : undefined;
}

function durationText(text: string | undefined): string | undefined {
  if (text === undefined || gatewayDuration.test(text)) {
    return text;
  }
  const totalMs = parseDuration(text);
  if (totalMs === undefined) {
    return undefined;
  }
  const whole = Math.max(1, Math.round(totalMs));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 3_600_000), "h"],
    [Math.floor(whole / 60_000) % 60, "m"],
    [Math.floor(whole / 1000) % 60, "s"],
    [whole % 1000, "ms"],
  ];
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join("");
}
