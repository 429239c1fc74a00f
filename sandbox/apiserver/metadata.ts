import { randomInt, randomUUID } from "node:crypto";
import { type FieldError, isEqualJson, type KubeObject } from "./types.ts";

const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";
const longestPrefix = 58;

/** Gives a new object what only the server may decide. In place. */
export function fillSystemFields(object: KubeObject, now: Date): void {
  const { metadata } = object;
  if ((metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "") {
    metadata.name = generatedName(metadata.generateName ?? "");
  }
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(now);
  delete metadata["selfLink"];
}

/** A new object is not being deleted, whatever its writer says; webhooks are believed. In place. */
export function dropDeletion({ metadata }: KubeObject): void {
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
}

function generatedName(prefix: string): string {
  return prefix.slice(0, longestPrefix) + randomSuffix();
}

/** Five characters that form no words. */
export function randomSuffix(): string {
  let suffix = "";
  while (suffix.length < 5) suffix += suffixAlphabet[randomInt(suffixAlphabet.length)];
  return suffix;
}

/** Whole seconds, as the API writes times. */
export function timestamp(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}

const immutable = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** What the writer left out and may not remove: taken from the stored object. In place. */
export function keepSystemFields(next: KubeObject, old: KubeObject): void {
  for (const field of ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    const value = next.metadata[field];
    const stated = value !== undefined && value !== null && value !== "";
    if (stated && field !== "creationTimestamp") continue;
    if (old.metadata[field] === undefined) delete next.metadata[field];
    else Object.assign(next.metadata, { [field]: old.metadata[field] });
  }
  if (old.metadata.generation === undefined) delete next.metadata.generation;
  else next.metadata.generation = old.metadata.generation;
  delete next.metadata["selfLink"];
}

const finalizersOfTheServer = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

/** Warnings for finalizers that custom resources get with this write and that others may use as well. */
export function finalizerWarnings(next: KubeObject, old: KubeObject | undefined): string[] {
  const before = old?.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((each) => !before.includes(each) && !each.includes("/"));
  return added
    .filter((each) => !finalizersOfTheServer.has(each))
    .map(
      (each) =>
        `metadata.finalizers: ${JSON.stringify(each)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}

/** Rules of metadata that hold for updates of every kind. */
export function metadataUpdateErrors(next: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (old.metadata.deletionTimestamp !== undefined) {
    const known = old.metadata.finalizers ?? [];
    const added = (next.metadata.finalizers ?? []).filter((finalizer) => !known.includes(finalizer));
    if (added.length > 0) {
      const list = added.map((each) => JSON.stringify(each)).join(", ");
      const text = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      errors.push({ reason: "FieldValueForbidden", field: "metadata.finalizers", message: `Forbidden: ${text}` });
    }
  }
  for (const field of immutable) {
    const [before, after] = [old.metadata[field], next.metadata[field]];
    if (isEqualJson(before, after)) continue;
    const shown = JSON.stringify(after ?? "");
    errors.push({
      reason: "FieldValueInvalid",
      field: `metadata.${field}`,
      message: `Invalid value: ${shown}: field is immutable`,
    });
  }
  return errors;
}
