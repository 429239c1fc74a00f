import {
  type Canary,
  driftMarks,
  knownKeys,
  mayOwn,
  ownerReferenceOf,
  type RawMeta,
  type RawObject,
  textsOf,
} from "../../api/index.ts";

/** Name, labels, annotations and owner of a generated route. A route that a user made before us gets no owner: it must outlive the Canary. */
export function routeMetadata(canary: Canary, name: string, live: RawObject | undefined): RawMeta {
  const apex = canary.spec.service?.apex;
  return {
    name,
    namespace: canary.metadata.namespace ?? "",
    ...(apex?.labels === undefined ? {} : { labels: apex.labels }),
    annotations: { ...apex?.annotations, ...driftMarks },
    ...(mayOwn(live, canary) ? { ownerReferences: [ownerReferenceOf(canary)] } : {}),
  };
}

/** The same without owner and without the marks that keep GitOps tools away. */
export function releasedMetadata(canary: Canary, name: string): RawMeta {
  const apex = canary.spec.service?.apex;
  return {
    name,
    namespace: canary.metadata.namespace ?? "",
    ...(apex?.labels === undefined ? {} : { labels: apex.labels }),
    ...(apex?.annotations === undefined ? {} : { annotations: apex.annotations }),
  };
}

/** Metadata of a generated object that users and their tools do not look at: name and owner. */
export function plainMetadata(canary: Canary, name: string, live: RawObject | undefined): RawMeta {
  return {
    name,
    namespace: canary.metadata.namespace ?? "",
    ...(mayOwn(live, canary) ? { ownerReferences: [ownerReferenceOf(canary)] } : {}),
  };
}

/** Metadata of our copy of a user's object: theirs, but for what `dropped` says and what tools keep there about the original. */
export function copiedMetadata(
  canary: Canary,
  name: string,
  copy: { readonly of: RawObject; readonly live: RawObject | undefined; dropped(annotation: string): boolean },
): RawMeta {
  const annotations = Object.entries(textsOf(copy.of.metadata.annotations)).filter(
    ([key]) => key !== knownKeys.lastApplied && !copy.dropped(key),
  );
  return {
    ...plainMetadata(canary, name, copy.live),
    ...(copy.of.metadata.labels === undefined ? {} : { labels: copy.of.metadata.labels }),
    annotations: { ...Object.fromEntries(annotations), ...driftMarks },
  };
}
