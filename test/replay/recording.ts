import { existsSync, readdirSync, readFileSync } from "node:fs";

export type Room = "http" | "webhooks";

/** One scenario recorded from a real API server; its README stands beside the recordings. */
export interface Recording {
  readonly name: string;
  /** The controllers of a cluster were running. */
  readonly controllers?: boolean;
  readonly setup?: { readonly namespaces: readonly string[] };
  readonly steps: readonly Step[];
}

export interface Step extends RecordedRequest {
  readonly note?: string;
  readonly setup?: boolean;
  /** The recorder waited for something. */
  readonly wait?: string;
  readonly info?: string;
  readonly openDuring?: { readonly fromStep: number; readonly toStep: number };
  readonly conversionReviews?: readonly ConversionReview[];
}

export interface RecordedRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Record<string, string | string[]>;
  readonly headers?: Record<string, string>;
  readonly auth?: "none";
  readonly body?: unknown;
  readonly bodyText?: string;
  readonly response?: RecordedResponse;
}

export interface RecordedResponse {
  readonly status: number;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: unknown;
  readonly text?: string;
  readonly events?: readonly unknown[];
  readonly endedBy?: "server" | "client";
}

export interface ConversionReview {
  readonly request: { readonly request: { readonly uid: string; readonly desiredAPIVersion: string } };
  readonly response: unknown;
}

/** The whole collection where it stands beside the repository, else the copies that every checkout has. */
const collection = [
  new URL("../../../shared/kube/", import.meta.url),
  new URL("../fixtures/kube/", import.meta.url),
].find((folder) => existsSync(new URL("webhooks/", folder)) || existsSync(new URL("http/", folder)));

/** Names of the scenarios at hand. */
export function recordingNames(room: Room): string[] {
  const folder = new URL(`${room}/`, collection);
  if (collection === undefined || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json") && file !== "index.json")
    .map((file) => file.slice(0, -".json".length));
}

export function readRecording<T = Recording>(room: Room, name: string): T {
  const text = readFileSync(new URL(`${room}/${name}.json`, collection), "utf8");
  return JSON.parse(withPlaceholders(text)) as T;
}

/** The definitions that were there in every recording. */
export function recordedDefinitions(): unknown[] {
  return (JSON.parse(readFileSync(new URL("crds.json", collection), "utf8")) as { items: unknown[] }).items;
}

/**
 * The five random characters that end a generated name are as volatile as a uid, and so is, outside of Go, the hash of a
 * pod template, which is made of how Go prints its structures.
 */
function withPlaceholders(text: string): string {
  const prefixes = new Set([...text.matchAll(/"generateName": *"([^"]+)"/g)].map(([, prefix = ""]) => prefix));
  // Long prefixes are cut to make room.
  for (const prefix of [...prefixes]) prefixes.add(prefix.slice(0, 58));
  prefixes.add("kube-api-access-");
  const hashed = text.replace(/(?<=ReplicaSet \\+"[a-z]+-)[bcdfghjklmnpqrstvwxz2456789]{8,10}(?=\\+")/g, "{{hash:$&}}");
  return [...prefixes].reduce((changed, prefix) => {
    const random = new RegExp(
      `(?<=[^a-zA-Z0-9-])(${quoted(prefix)})([bcdfghjklmnpqrstvwxz2456789]{5})(?![a-z0-9])`,
      "g",
    );
    return changed.replace(random, (_, start: string, end: string) => `${start}{{suffix:${end}}}`);
  }, hashed);
}

export function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
