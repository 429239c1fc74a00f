import {
  canaryResource,
  configurationName,
  messageOf,
  type ObjectRef,
  type RawObject,
  type Resource,
} from "../api/index.ts";
import { secretName } from "../certs/authorityStore.ts";
import type { Api } from "../controller/kube/api.ts";
import type { Contact, DryRun, Facts, Known, Right } from "./facts.ts";
import { readyAddresses } from "./judge.ts";
import { probe } from "./probe.ts";
import { installedOf } from "./webhooks.ts";

const core = { group: "", version: "v1" };
const admission = { group: "admissionregistration.k8s.io", version: "v1" };
const definitions: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};
const mutating: Resource = {
  ...admission,
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
};
const validating: Resource = {
  ...admission,
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
};
const secrets: Resource = { ...core, plural: "secrets", kind: "Secret" };
const services: Resource = { ...core, plural: "services", kind: "Service" };
const slices: Resource = { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice" };
const leases: Resource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
const accessReviews: Resource = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
};

const timeoutMs = 10_000;
/** Rights asked at the same time: a courtesy to the API server. */
const atOnce = 10;

export interface ReadParts {
  readonly api: Pick<Api, "get" | "list" | "create">;
  readonly namespace: string;
  /** Names of the CustomResourceDefinitions to look for. */
  readonly definitionNames: readonly string[];
  readonly rights: readonly Right[];
}

/** Looks at everything once. Writes nothing: its one write is a dry run. Never fails: what cannot be read is unknown. */
export async function readFacts({ api, namespace, definitionNames, rights }: ReadParts): Promise<Facts> {
  const get = (resource: Resource, where: string, name: string) => known(api, { resource, namespace: where, name });
  const [found, seenMutating, seenValidating, secret, lease, dryRun, missingRights] = await Promise.all([
    Promise.all(definitionNames.map(async (name) => [name, await get(definitions, "", name)] as const)),
    get(mutating, "", configurationName),
    get(validating, "", configurationName),
    get(secrets, namespace, secretName),
    get(leases, namespace, "weir-controller"),
    tryMistake(api),
    missing(api, rights, namespace),
  ]);
  const installed = installedOf({ mutating: seenMutating, validating: seenValidating });
  const called = installed.find((each) => each.service !== undefined)?.service;
  const service = called === undefined ? nothing : await get(services, called.namespace, called.name);
  const seenSlices = called === undefined ? nothing : await slicesOf(api, called);
  const addresses = called === undefined ? [] : addressesOf(seenSlices);
  const url = installed.find((each) => each.url !== undefined);
  const bundle = installed.find((each) => each.bundle.trim() !== "")?.bundle;
  const host = called === undefined ? undefined : `${called.name}.${called.namespace}.svc`;
  const places =
    url?.url === undefined || !URL.canParse(url.url) ? addresses : [...addresses, placeOf(new URL(url.url))];
  const contacts: readonly Contact[] =
    bundle === undefined
      ? []
      : await Promise.all(places.map((place) => probe({ ...place, name: host ?? place.host }, bundle)));
  return {
    now: new Date(),
    namespace,
    definitions: new Map(found),
    mutating: seenMutating,
    validating: seenValidating,
    secret,
    service,
    slices: seenSlices,
    contacts,
    missingRights,
    lease,
    dryRun,
  };
}

const nothing = { kind: "absent" } as const;

async function known(api: Pick<Api, "get">, ref: ObjectRef): Promise<Known<RawObject>> {
  try {
    const value = await api.get(ref, { timeoutMs });
    return value === undefined ? nothing : { kind: "known", value };
  } catch (error) {
    return { kind: "unknown", why: messageOf(error) };
  }
}

async function slicesOf(api: Pick<Api, "list">, of: { namespace: string; name: string }): Promise<Facts["slices"]> {
  const labelSelector = `kubernetes.io/service-name=${of.name}`;
  try {
    return { kind: "known", value: await api.list(slices, { namespace: of.namespace, labelSelector, timeoutMs }) };
  } catch (error) {
    return { kind: "unknown", why: messageOf(error) };
  }
}

function addressesOf(seen: Facts["slices"]): readonly { host: string; port: number }[] {
  return seen.kind !== "known"
    ? []
    : seen.value.flatMap((slice) => {
        const ports = (slice["ports"] ?? []) as { port?: number }[];
        return readyAddresses(slice).flatMap((host) =>
          ports.flatMap(({ port }) => (port === undefined ? [] : [{ host, port }])),
        );
      });
}

function placeOf({ hostname, port }: URL): { host: string; port: number } {
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 443 : Number(port) };
}

/** No schema refuses this Canary, only the webhook does: the provider needs an Ingress that is not named. */
const mistake: RawObject = {
  apiVersion: "flagger.app/v1beta1",
  kind: canaryResource.kind,
  metadata: { name: "weir-doctor-dry-run", namespace: "default" },
  spec: {
    provider: "nginx",
    targetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "weir-doctor-dry-run" },
    service: { port: 80 },
    analysis: { interval: "1m", threshold: 1, maxWeight: 50, stepWeight: 10 },
  },
};

async function tryMistake(api: Pick<Api, "create">): Promise<DryRun> {
  try {
    await api.create(canaryResource, mistake, { dryRun: true, timeoutMs: 2 * timeoutMs });
    return { kind: "accepted" };
  } catch (error) {
    const message = messageOf(error);
    // The API server tells a refusal by a webhook in no field but the message, in this form since 1.9.
    const ours = /admission webhook "(mutate|validate)-canaries\.weir\.sh" denied the request/.test(message);
    return ours ? { kind: "refusedByUs" } : { kind: "failed", message };
  }
}

/** Which rights the service accounts do not have. */
async function missing(
  api: Pick<Api, "create">,
  rights: readonly Right[],
  namespace: string,
): Promise<Facts["missingRights"]> {
  const lacking: Right[] = [];
  try {
    for (let from = 0; from < rights.length; from += atOnce) {
      const asked = rights.slice(from, from + atOnce);
      const answers = await Promise.all(asked.map((right) => has(api, right, namespace)));
      lacking.push(...asked.filter((_right, index) => !answers[index]));
    }
    return { kind: "known", value: lacking };
  } catch (error) {
    return { kind: "unknown", why: messageOf(error) };
  }
}

async function has(api: Pick<Api, "create">, right: Right, namespace: string): Promise<boolean> {
  const { account, ...resourceAttributes } = right;
  const spec = {
    user: `system:serviceaccount:${namespace}:${account}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    resourceAttributes,
  };
  const question = { apiVersion: "authorization.k8s.io/v1", kind: accessReviews.kind, metadata: { name: "" }, spec };
  const answer = await api.create(accessReviews, question, { timeoutMs });
  return (answer["status"] as { allowed?: unknown } | undefined)?.allowed === true;
}
