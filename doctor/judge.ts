import { apiGroup, type RawObject } from "../api/index.ts";
import { authoritiesIn } from "../certs/authorityStore.ts";
import { bundleOf } from "../certs/plan.ts";
import type { Check, Facts, Finding, Known, Right } from "./facts.ts";
import { deviationsOf, type Installed, installedOf, webhooksOf } from "./webhooks.ts";

const dayMs = 86_400_000;
/** Leaves are renewed at two thirds of 90 days: one that has less left was forgotten. */
const soonMs = 14 * dayMs;
/** Groups without which nothing works; the others belong to routes, which a cluster may do without. */
const neededGroups = new Set([
  "",
  apiGroup,
  "apps",
  "admissionregistration.k8s.io",
  "authorization.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
]);

/** The diagnosis: at least one finding for each check. Versions that must be served are given by name of the definition. */
export function judge(facts: Facts, wantedVersions: ReadonlyMap<string, readonly string[]>): readonly Finding[] {
  const installed = installedOf(facts);
  return [
    ...definitions(facts, wantedVersions),
    ...configurations(facts),
    ...service(facts, installed),
    ...trust(facts, installed),
    ...certificate(facts),
    ...rights(facts.missingRights),
    controller(facts),
    dryRun(facts),
  ];
}

const ok = (check: Check, says: string): Finding => ({ check, verdict: "ok", says });
const warning = (check: Check, says: string, advice: string): Finding => ({ check, verdict: "warning", says, advice });
const broken = (check: Check, says: string, advice: string): Finding => ({ check, verdict: "broken", says, advice });
const unknown = (check: Check, says: string): Finding => ({ check, verdict: "unknown", says });

function definitions({ definitions }: Facts, wanted: ReadonlyMap<string, readonly string[]>): readonly Finding[] {
  const findings = [...wanted].flatMap(([name, versions]): readonly Finding[] => {
    const seen = definitions.get(name) ?? { kind: "absent" };
    if (seen.kind === "unknown") return [unknown("definitions", `${name}: ${seen.why}`)];
    const served = seen.kind === "known" ? servedBy(seen.value) : new Set<string>();
    const missing = versions.filter((version) => !served.has(version));
    if (missing.length === 0) return [];
    const says =
      seen.kind === "absent"
        ? `the CustomResourceDefinition ${name} is not installed`
        : `the CustomResourceDefinition ${name} does not serve ${missing.join(", ")}`;
    return [broken("definitions", says, "kubectl apply -f manifests/crds")];
  });
  return findings.length > 0 ? findings : [ok("definitions", "every kind is installed in every version")];
}

function servedBy(definition: RawObject): ReadonlySet<string> {
  const { versions = [] } = (definition["spec"] ?? {}) as { versions?: { name: string; served: boolean }[] };
  return new Set(versions.filter(({ served }) => served).map(({ name }) => name));
}

const applyWebhooks = "kubectl apply -f manifests/webhooks.yaml; the server fills in caBundle within a minute";

function configurations(facts: Facts): readonly Finding[] {
  const findings = (["mutating", "validating"] as const).flatMap((type): readonly Finding[] => {
    const kind = type === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration";
    const seen = facts[type];
    if (seen.kind === "unknown") return [unknown("configurations", `${kind} weir: ${seen.why}`)];
    if (seen.kind === "absent") return [broken("configurations", `there is no ${kind} weir`, applyWebhooks)];
    const { missing, changed, policies } = deviationsOf(type, webhooksOf(type, seen));
    return [
      ...missing.map((name) => broken("configurations", `${kind} weir has no webhook ${name}`, applyWebhooks)),
      ...changed.map((name) =>
        broken("configurations", `webhook ${name} of ${kind} weir has other rules or another path`, applyWebhooks),
      ),
      ...policies.map((text) => warning("configurations", `failure policy of ${text}`, applyWebhooks)),
    ];
  });
  return findings.length > 0 ? findings : [ok("configurations", "every write that matters is shown to the webhook")];
}

function service(facts: Facts, installed: readonly Installed[]): readonly Finding[] {
  const wanted = installed.find((each) => each.service !== undefined)?.service;
  if (wanted === undefined) return [];
  const title = `Service ${wanted.namespace}/${wanted.name}`;
  if (facts.service.kind === "unknown") return [unknown("service", `${title}: ${facts.service.why}`)];
  if (facts.service.kind === "absent") {
    return [broken("service", `the ${title} is not there`, "kubectl apply -f manifests/server.yaml")];
  }
  const { ports = [] } = (facts.service.value["spec"] ?? {}) as { ports?: { port: number }[] };
  const found = ports.some(({ port }) => port === wanted.port)
    ? ok("service", `the ${title} has port ${wanted.port}`)
    : broken("service", `the ${title} has no port ${wanted.port}, which is called`, "kubectl apply -k manifests");
  return [found, endpoints(facts.slices, title)];
}

function endpoints(slices: Known<readonly RawObject[]>, title: string): Finding {
  if (slices.kind === "unknown") return unknown("endpoints", `endpoints of ${title}: ${slices.why}`);
  const ready = slices.kind === "absent" ? 0 : slices.value.flatMap(readyAddresses).length;
  return ready > 0
    ? ok("endpoints", `${ready} server${ready === 1 ? " is" : "s are"} ready`)
    : broken(
        "endpoints",
        `no server is ready behind the ${title}`,
        "kubectl -n weir-system get pods -l app.kubernetes.io/name=weir-server; /readyz of a pod says what it waits for",
      );
}

/** Addresses of an EndpointSlice that take calls. */
export function readyAddresses(slice: RawObject): readonly string[] {
  const endpoints = (slice["endpoints"] ?? []) as { addresses?: string[]; conditions?: { ready?: boolean } }[];
  return endpoints.filter(({ conditions }) => conditions?.ready !== false).flatMap(({ addresses = [] }) => addresses);
}

const republish =
  "the server puts caBundle right within a minute: its log says why it does not (authority not published yet)";

function trust({ secret }: Facts, installed: readonly Installed[]): readonly Finding[] {
  if (installed.length === 0) return [];
  const untold = installed.filter(({ bundle }) => bundle.trim() === "").map(({ name }) => name);
  if (untold.length > 0) return [broken("trust", `no caBundle in ${untold.join(", ")}`, republish)];
  if (secret.kind === "unknown") return [unknown("trust", `the Secret weir-server-tls: ${secret.why}`)];
  const authorities = secret.kind === "known" ? authoritiesIn(secret.value) : undefined;
  if (authorities === undefined) {
    return [ok("trust", "every webhook has a caBundle, of an authority that is not in a Secret of ours")];
  }
  const wrong = installed.filter(({ bundle }) => bundle !== bundleOf(authorities)).map(({ name }) => name);
  return wrong.length === 0
    ? [ok("trust", "every caBundle holds the authorities of the Secret weir-server-tls")]
    : [broken("trust", `caBundle is not that of the Secret weir-server-tls in ${wrong.join(", ")}`, republish)];
}

function certificate({ contacts, now }: Facts): readonly Finding[] {
  return contacts.map(({ address, outcome }): Finding => {
    if (outcome.kind === "unreached") {
      return unknown("certificate", `${address} cannot be reached from here: ${outcome.why}`);
    }
    if (outcome.kind === "untrusted") {
      const advice = "compare caBundle and the names of the certificate; a restart of the server makes a new one";
      return broken("certificate", `the API server does not trust ${address}: ${outcome.why}`, advice);
    }
    const end = outcome.notAfter.toISOString();
    return outcome.notAfter.getTime() - now.getTime() < soonMs
      ? warning(
          "certificate",
          `the certificate of ${address} ends at ${end}`,
          "see why it is not renewed: log of the server",
        )
      : ok("certificate", `the certificate of ${address} is trusted, and good until ${end}`);
  });
}

function rights(missing: Known<readonly Right[]>): readonly Finding[] {
  if (missing.kind !== "known") {
    return [
      unknown("rights", `rights of the service accounts: ${missing.kind === "unknown" ? missing.why : "none asked"}`),
    ];
  }
  if (missing.value.length === 0)
    return [ok("rights", "both service accounts have every right of manifests/rbac.yaml")];
  const byKind = Map.groupBy(missing.value, ({ account, group, resource, subresource }) => {
    const kind = subresource === "" ? resource : `${resource}/${subresource}`;
    return `${account} may not VERBS ${group === "" ? kind : `${kind}.${group}`}`;
  });
  return [...byKind].map(([text, all]) => {
    const says = text.replace("VERBS", () => all.map(({ verb }) => verb).join(", "));
    return all.some(({ group }) => neededGroups.has(group))
      ? broken("rights", says, "kubectl apply -f manifests/rbac.yaml")
      : warning("rights", says, "kubectl apply -f manifests/rbac.yaml, unless you took this right away on purpose");
  });
}

function controller({ lease, now, namespace }: Facts): Finding {
  const advice = `kubectl -n ${namespace} get pods -l app.kubernetes.io/name=weir-controller, and their logs`;
  if (lease.kind === "unknown") return unknown("controller", `the Lease weir-controller: ${lease.why}`);
  if (lease.kind === "absent") return broken("controller", "no controller has ever led: there is no Lease", advice);
  const {
    holderIdentity,
    renewTime,
    leaseDurationSeconds = 15,
  } = (lease.value["spec"] ?? {}) as {
    holderIdentity?: string;
    renewTime?: string;
    leaseDurationSeconds?: number;
  };
  if (holderIdentity === undefined || holderIdentity === "") {
    return broken("controller", "no controller leads: the Lease was given back", advice);
  }
  const renewed = new Date(renewTime ?? 0);
  // Clocks differ: what is a few seconds over may be fresh by the clock of whoever wrote it.
  const fresh = now.getTime() - renewed.getTime() < 2 * leaseDurationSeconds * 1000;
  return fresh
    ? ok("controller", `${holderIdentity} leads`)
    : broken("controller", `${holderIdentity} has not renewed its Lease since ${renewTime ?? "ever"}`, advice);
}

function dryRun({ dryRun: seen }: Facts): Finding {
  switch (seen.kind) {
    case "refusedByUs":
      return ok("dryRun", "a Canary with a mistake was refused by the webhook: the whole path works");
    case "accepted":
      return broken("dryRun", "a Canary with a mistake was accepted: nobody looks at Canaries", applyWebhooks);
    case "failed":
      return broken(
        "dryRun",
        `a Canary could not be written: ${seen.message}`,
        "put right what is named above, then ask again",
      );
  }
}
