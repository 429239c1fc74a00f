import type { CanaryStatus } from "./canary.ts";
import { annotations } from "./names.ts";
import { definedOnly } from "./raw.ts";

/** The change that a release is about, and who made it. What is not known is absent. */
export type Release = NonNullable<CanaryStatus["release"]>;

/** Who wrote a template, as the webhook stamped it. */
export type Authorship = Pick<Release, "user" | "groups" | "manager" | "time">;

/**
 * What the stamps on a target say about a revision. Nothing when they were made for another one: a write that no webhook saw has no
 * author.
 */
export function authorshipOf(marks: Readonly<Record<string, string>>, revision: string): Authorship {
  if (marks[annotations.revision] !== revision) return {};
  return definedOnly({
    user: marks[annotations.changedBy] || undefined,
    groups: groupsIn(marks[annotations.changedByGroups]),
    manager: marks[annotations.changedWith] || undefined,
    time: marks[annotations.changedAt],
  }) as Authorship;
}

function groupsIn(text: string | undefined): readonly string[] | undefined {
  try {
    const groups: unknown = JSON.parse(text ?? "null");
    const isList = Array.isArray(groups) && groups.length > 0 && groups.every((group) => typeof group === "string");
    return isList ? groups : undefined;
  } catch {
    return undefined;
  }
}

/** `jane with helm`, for people; undefined when nobody is known. */
export function changedBy({ user, manager }: Authorship = {}): string | undefined {
  if (user === undefined) return undefined;
  return manager === undefined ? user : `${user} with ${manager}`;
}

/** The same for programs: annotations of an Event, by the names of the stamps. */
export function attributionMarks(release: Release = {}): Readonly<Record<string, string>> {
  return definedOnly({
    [annotations.revision]: release.revision,
    [annotations.changedAt]: release.time,
    [annotations.changedBy]: release.user,
    [annotations.changedByGroups]: release.groups === undefined ? undefined : JSON.stringify(release.groups),
    [annotations.changedWith]: release.manager,
  });
}

/** The same as metadata of a hook's call. */
export function attributionMetadata(release: Release = {}): Readonly<Record<string, string>> {
  return definedOnly({
    revision: release.revision,
    changedAt: release.time,
    changedBy: release.user,
    changedByGroups: release.groups?.join(","),
    changedWith: release.manager,
  });
}
