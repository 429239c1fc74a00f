/** Requests that create nothing that is kept, such as bindings, evictions and reviews: webhooks are asked all the same. */
import { attributesOf } from "./attributes.ts";
import type { Call, Cluster } from "./cluster.ts";
import { isRecord } from "./decode.ts";
import type { ReviewKind } from "./discovery.ts";
import type { WriteChoices } from "./options.ts";
import { apiVersionOf, type KubeObject, type Resource, type Strategy } from "./types.ts";

/** Asks the webhooks about a document; what they change in it is what happens. */
export async function admitAction(
  cluster: Cluster,
  call: Call,
  choices: Pick<WriteChoices, "dryRun" | "document">,
  document: KubeObject,
): Promise<KubeObject> {
  const attributes = attributesOf(call, choices, "CREATE", document, undefined);
  const mutated = (await cluster.admission.mutate(attributes, (next) => next, call.warn)) ?? document;
  await cluster.admission.validate({ ...attributes, object: mutated }, call.warn);
  return mutated;
}

/** The body of an action as an object, whatever its sender left out. */
export function actionDocument(body: unknown, apiVersion: string, kind: string, name: string): KubeObject {
  const stated = isRecord(body) ? body : {};
  const metadata = isRecord(stated["metadata"]) ? stated["metadata"] : {};
  return { ...stated, apiVersion, kind, metadata: { ...(name === "" ? {} : { name }), ...metadata } };
}

/** Reviews are resources to webhooks, though nobody can read them. */
export function resourceOfReview({ group, version, plural, kind, namespaced }: ReviewKind): Resource {
  return {
    group,
    kind,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced,
    versions: [version],
    storageVersion: version,
    verbs: ["create"],
    subresources: {},
    strategy: unchanging,
    columns: () => [],
    custom: false,
  };
}

const unchanging: Strategy = {
  schema: () => undefined,
  prune: () => [],
  setDefaults: () => undefined,
  validate: () => [],
  prepareForCreate: () => undefined,
  prepareForUpdate: () => undefined,
};

export function reviewDocument(body: unknown, { group, version, kind }: ReviewKind): KubeObject {
  return actionDocument(body, apiVersionOf(group, version), kind, "");
}
