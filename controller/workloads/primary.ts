import {
  annotations,
  type Canary,
  type Fields,
  fieldsOf,
  isSameTemplate,
  knownKeys,
  ownerReferenceOf,
  patchTo,
  primaryTargetName,
  type RawObject,
  type Resource,
  revisionOf,
  textsOf,
  withConfigs,
  withoutParking,
} from "../../api/index.ts";
import { type Tracked, withPrimaryConfigs } from "./configs.ts";
import { inherited, primaryTemplate, withoutGitOps } from "./template.ts";
import type { Labels, PrimaryOptions, SelectorLabel } from "./workload.ts";

/** The revision of a primary that was made by another system. */
export const foreignRevision = "foreign";

/**
 * The primary as the target wants it now, for server-side apply by one field manager: the same template gives the same bytes, so
 * applying twice restarts no pod. Of the spec it states selector and template, and what the kind adds. Remembers on itself which
 * revision it was made from.
 */
export function primaryWorkload(
  resource: Resource,
  canary: Canary,
  target: RawObject,
  options: PrimaryOptions,
  spec: Fields,
): RawObject {
  const label = labelOf(target, options);
  const primaryLabel = { [label.key]: `${label.value}-primary` };
  const template = templateOfPrimary(target, label, options.tracked);
  return {
    apiVersion: "apps/v1",
    kind: resource.kind,
    metadata: {
      name: primaryTargetName(canary),
      namespace: target.metadata.namespace ?? "",
      labels: { ...inherited(target.metadata.labels, options.includeLabelPrefix), ...primaryLabel },
      annotations: {
        ...inherited(target.metadata.annotations, options.includeLabelPrefix),
        [annotations.revision]: withConfigs(revisionOfTarget(target), options.tracked?.digest),
        [annotations.template]: revisionOf(template),
      },
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: {
      ...spec,
      selector: { matchLabels: primaryLabel },
      template,
    },
  };
}

function templateOfPrimary(target: RawObject, label: SelectorLabel, tracked: Tracked | undefined): Fields {
  const template = fieldsOf(withoutParking(templateOf(target)));
  if (tracked?.digest === undefined) return primaryTemplate(template, label);
  const copy = primaryTemplate(withPrimaryConfigs(template, tracked), label);
  const metadata = fieldsOf(copy["metadata"]);
  // Pods do not notice that what they refer to has changed; this makes them be replaced then, and only then.
  const notes = { ...textsOf(metadata["annotations"]), [knownKeys.templateId]: tracked.digest };
  return { ...copy, metadata: { ...metadata, annotations: notes } };
}

/** Callers ask for obstacles first; this keeps a mistake from making a primary that takes the target's pods. */
export function labelOf(target: RawObject, { selectorLabels }: Labels): SelectorLabel {
  const label = selectorLabel(target, selectorLabels);
  if ("obstacle" in label) throw new TypeError(label.obstacle);
  return label;
}

/** Why no label can be used, as a known event text. */
export function labelObstacle(target: RawObject, { selectorLabels }: Labels): string | undefined {
  const label = selectorLabel(target, selectorLabels);
  return "obstacle" in label ? label.obstacle : undefined;
}

/**
 * Server-side apply leaves what others added to the template, and that would run with the revision that is promoted: it is taken away.
 */
export function templateWithoutOthers(wanted: RawObject, written: RawObject): object | undefined {
  const [template, has] = [templateOf(wanted), templateOf(written)];
  return isSameTemplate(has, template) ? undefined : { spec: { template: patchTo(template, has) } };
}

/** The first label of the target's selector that we may use, or the known text that there is none. */
export function selectorLabel(
  target: RawObject,
  selectorLabels: readonly string[],
): SelectorLabel | { readonly obstacle: string } {
  const labels = textsOf(fieldsOf(fieldsOf(target["spec"])["selector"])["matchLabels"]);
  const key = selectorLabels.find((wanted) => labels[wanted] !== undefined);
  const value = key === undefined ? undefined : labels[key];
  if (key === undefined || value === undefined) {
    const { name, namespace } = target.metadata;
    return {
      obstacle: `getSelectorLabel failed: ${target.kind.toLowerCase()} ${name}.${namespace ?? ""} spec.selector.matchLabels must contain one of [${selectorLabels.join(" ")}]`,
    };
  }
  return { key, value };
}

/** The revision of the target's template: what a release is about. */
export function revisionOfTarget(target: RawObject): string {
  return revisionOf(templateOf(target));
}

/** The revision a primary was made from; `foreign` when another system made it and says nothing we understand. */
export function revisionOfPrimary(primary: RawObject): string {
  return primary.metadata.annotations?.[annotations.revision] ?? foreignRevision;
}

/**
 * Whether a primary that another system made runs the template of this target. What any such primary has of its own is no difference:
 * names with `-primary`, a random id, no marks of GitOps tools.
 */
export function runsTemplate(primary: RawObject, target: RawObject): boolean {
  return isSameTemplate(neutral(templateOf(primary)), neutral(templateOf(target)));
}

function neutral(template: Fields): unknown {
  const { labels, annotations: notes, ...metadata } = fieldsOf(template["metadata"]);
  const { [knownKeys.templateId]: _id, ...kept } = withoutGitOps(notes);
  const copy = { ...template, metadata: { ...metadata, labels: withoutGitOps(labels), annotations: kept } };
  return JSON.parse(JSON.stringify(copy).replaceAll('-primary"', '"'));
}

export function templateOf(target: RawObject): Fields {
  return fieldsOf(fieldsOf(target["spec"])["template"]);
}
