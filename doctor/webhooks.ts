import { type Interception, interceptions, isSubset, type RawObject, webhookConfiguration } from "../api/index.ts";
import type { Facts, Known } from "./facts.ts";

/** One of our webhooks as it is installed. */
export interface Installed {
  readonly name: string;
  readonly failurePolicy: string;
  readonly rules: unknown;
  /** PEM. */
  readonly bundle: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | undefined;
  readonly url: string | undefined;
  readonly path: string;
}

/** The webhooks of both configurations that bear our names. */
export function installedOf({ mutating, validating }: Pick<Facts, "mutating" | "validating">): readonly Installed[] {
  return [...webhooksOf("mutating", mutating), ...webhooksOf("validating", validating)];
}

/** The webhooks of one configuration that bear our names. */
export function webhooksOf(type: Interception["type"], seen: Known<RawObject>): readonly Installed[] {
  const ours = new Set(interceptions.filter((each) => each.type === type).map(({ name }) => name));
  const webhooks = seen.kind === "known" && Array.isArray(seen.value["webhooks"]) ? seen.value["webhooks"] : [];
  return webhooks.filter(({ name }) => ours.has(name)).map(installed);
}

function installed({ name, failurePolicy, rules, clientConfig = {} }: Webhook): Installed {
  const { service, url, caBundle = "" } = clientConfig;
  return {
    name,
    failurePolicy: failurePolicy ?? "Fail",
    rules,
    bundle: Buffer.from(caBundle, "base64").toString(),
    service: service && { namespace: service.namespace, name: service.name, port: service.port ?? 443 },
    url,
    path: service?.path ?? (url !== undefined && URL.canParse(url) ? new URL(url).pathname : ""),
  };
}

interface Webhook {
  readonly name: string;
  readonly failurePolicy?: string;
  readonly rules?: unknown;
  readonly clientConfig?: {
    readonly service?: { namespace: string; name: string; port?: number; path?: string };
    readonly url?: string;
    readonly caBundle?: string;
  };
}

/** What is wrong with the webhooks of one type: what is not there, and what differs from what we would install. */
export function deviationsOf(type: Interception["type"], seen: readonly Installed[]) {
  const missing: string[] = [];
  const changed: string[] = [];
  const policies: string[] = [];
  const options = { endpoint: { url: "https://x" }, sparedNamespaces: [], controllerUsers: [] };
  for (const wanted of webhookConfiguration(type, options).webhooks) {
    const found = seen.find(({ name }) => name === wanted.name);
    const path = interceptions.find(({ name }) => name === wanted.name)?.path ?? "";
    if (found === undefined) {
      missing.push(wanted.name);
    } else if (!isSubset(wanted.rules, found.rules) || !found.path.endsWith(path)) {
      changed.push(wanted.name);
    } else if (found.failurePolicy !== wanted.failurePolicy) {
      policies.push(`${wanted.name}: ${found.failurePolicy} in place of ${wanted.failurePolicy}`);
    }
  }
  return { missing, changed, policies };
}
