import { type Canary, driftMarks, mayOwn, ownerReferenceOf, type RawMeta, type RawObject } from "../../api/index.ts";

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
