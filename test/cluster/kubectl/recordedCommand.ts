import { readFileSync } from "node:fs";
import type { Ended } from "../program.ts";

/** A kubectl command and what it printed against a real API server. */
export interface RecordedCommand {
  /** As typed; namespace `demo`. */
  readonly command: string;
  readonly editor?: string;
  readonly result: Ended;
}

const folder = new URL("../../fixtures/kube/kubectl/", import.meta.url);

/** Reads a recording, the name without `.txt`; the format is in the README of the recordings. */
export function readRecordedCommand(name: string): RecordedCommand {
  const text = readFileSync(new URL(`${name}.txt`, folder), "utf8");
  const match =
    /^\$ kubectl (?<command>.*?)\n--- stdout\n(?<stdout>.*?)--- stderr\n(?<stderr>.*?)--- exit (?<exit>\S+)\n/ms.exec(
      text,
    );
  if (match?.groups === undefined) throw new Error(`${name}.txt is no recording of a command`);
  const { command = "", stdout = "", stderr = "", exit } = match.groups;
  const editor = /^# EDITOR=(.*)$/m.exec(text)?.[1];
  return {
    command,
    ...(editor === undefined ? {} : { editor }),
    result: { stdout, stderr, exit: exit === "(killed)" ? "killed" : Number(exit) },
  };
}

/** Splits as a shell does, as far as the recorded commands need it: words, and text in single quotes. */
export function splitCommand(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}
