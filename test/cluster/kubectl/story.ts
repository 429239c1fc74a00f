/** A story is a sequence of kubectl commands in a namespace of its own, with what each of them must print. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RawObject } from "../../../api/object.ts";
import { type Ended, run } from "../program.ts";
import type { Room, Target } from "../target.ts";
import { comparable } from "./comparable.ts";
import { readRecordedCommand, splitCommand } from "./recordedCommand.ts";

export interface Kubectl {
  readonly program: string;
  /** 20 of 1.20. */
  readonly minor: number;
}

/** The whole text, a pattern in it, or lines that must be among its lines. */
type Text = string | RegExp | readonly string[];

export interface Expected {
  readonly stdout?: Text;
  readonly stderr?: Text;
  readonly exit?: Ended["exit"];
}

/** Something happens while the command runs, which is run with `-v=6` so that its requests can be seen. */
export interface Meanwhile {
  /** In output or requests: time to act. */
  readonly seen: RegExp;
  readonly act: (world: World) => Promise<unknown>;
  /** In the output: time to end the command. */
  readonly until?: RegExp;
}

export interface Circumstances {
  /** The first 1.x of kubectl that knows the command. */
  readonly since?: number;
  /** What differs with kubectl 1.20, which words some things differently. */
  readonly old?: Expected;
  /** What differs from the recording with any kubectl: another time, another pod. */
  readonly here?: (recorded: Ended) => Expected;
  readonly meanwhile?: Meanwhile;
  readonly input?: string;
}

export interface Step extends Circumstances {
  readonly title: string;
  readonly command: string;
  readonly editor?: string;
  readonly expected: Expected;
}

export interface Story {
  readonly name: string;
  /** It needs controllers and pods that run; an API server alone has neither. */
  readonly pods?: boolean;
  /** It is about the Canaries of the recordings, whose CRD accepts anything. */
  readonly canaries?: boolean;
  readonly steps: readonly Step[];
}

export interface World {
  readonly target: Target;
  readonly kubectl: Kubectl;
  readonly room: Room;
}

/** A command as it was recorded: it must print the same here. */
export function play(recording: string, circumstances: Circumstances = {}): Step {
  const { command, editor, result } = readRecordedCommand(recording);
  const expected = { ...result, ...circumstances.here?.(result) };
  return { title: recording, command, expected, ...(editor === undefined ? {} : { editor }), ...circumstances };
}

/** A command that was not recorded. What is not expected explicitly: success, and no complaint. */
export function type(command: string, expected: Expected = {}, circumstances: Circumstances = {}): Step {
  return { title: command, command, expected: { stderr: "", exit: 0, ...expected }, ...circumstances };
}

/** Plays the steps that this kubectl knows; returns how many of them there were. */
export async function tell(story: Story, target: Target, kubectl: Kubectl): Promise<number> {
  const known = story.steps.filter(({ since = 0 }) => kubectl.minor >= since);
  const room = await target.room(`weir-${story.name}-k${kubectl.minor}`);
  for (const step of known) await perform(step, { target, kubectl, room });
  return known.length;
}

const manifests = fileURLToPath(new URL("../../fixtures/kubectl/", import.meta.url));

async function perform(step: Step, world: World): Promise<void> {
  const { target, kubectl, room } = world;
  const { editor, meanwhile, input } = step;
  const args = splitCommand(step.command.replace(/\bdemo\b/g, room.namespace));
  const happened: Promise<unknown>[] = [];
  const scratch = join(target.folder, room.namespace);
  await mkdir(scratch, { recursive: true });
  const ended = await run({
    program: kubectl.program,
    args: meanwhile === undefined ? args : [...args, "-v=6"],
    cwd: manifests,
    env: {
      KUBECONFIG: room.kubeconfig,
      // The discovery cache is there; what one version wrote, another need not read.
      HOME: join(target.folder, `home-${kubectl.minor}`),
      TMPDIR: scratch,
      ...(editor === undefined ? {} : { KUBE_EDITOR: editor }),
    },
    ...(input === undefined ? {} : { input }),
    ...(meanwhile === undefined ? {} : { watching: watcher(meanwhile, world, happened) }),
  });
  await Promise.all(happened);
  const expected = kubectl.minor <= 20 ? { ...step.expected, ...step.old } : step.expected;
  judge(`${step.title} (kubectl 1.${kubectl.minor})`, expected, ended, room.namespace);
}

function watcher({ seen, act, until }: Meanwhile, world: World, happened: Promise<unknown>[]) {
  return (stdout: string, stderr: string, end: () => void): void => {
    if (happened.length === 0 && (seen.test(stdout) || seen.test(stderr))) happened.push(act(world));
    if (until?.test(stdout)) end();
  };
}

/** A line that kubectl logs, as `-v=6` asks for. */
const logLine = /^[IWE]\d{4} \d\d:.*\n/gm;

function judge(title: string, expected: Expected, ended: Ended, namespace: string): void {
  const printed = { ...ended, stderr: ended.stderr.replace(logLine, "") };
  for (const stream of ["stdout", "stderr"] as const) {
    const want = expected[stream];
    const got = comparable(printed[stream], namespace);
    const message = `${title} printed on ${stream}`;
    if (want instanceof RegExp) assert.match(got, want, message);
    else if (typeof want === "string") assert.equal(got, comparable(want, "demo"), message);
    else if (want !== undefined) {
      const lines = new Set(got.split("\n"));
      const missing = want.map((line) => comparable(line, "demo")).filter((line) => !lines.has(line));
      assert.deepEqual(missing, [], `${message} the following, without the lines listed\n${got}`);
    }
  }
  if (expected.exit !== undefined) assert.equal(ended.exit, expected.exit, `exit code of ${title}: ${ended.stderr}`);
}

/** Changes an object behind the command's back. */
export function patching(plural: string, kind: string, name: string, patch: object, subresource?: "status") {
  return ({ target, room }: World): Promise<RawObject> =>
    target.api.mergePatch(
      { resource: { ...resourceOf(plural, kind) }, namespace: room.namespace, name },
      patch,
      subresource === undefined ? {} : { subresource },
    );
}

/** The kinds that stories change by themselves. */
export function resourceOf(plural: string, kind: string) {
  const groups: Record<string, readonly [string, string]> = {
    Canary: ["flagger.app", "v1beta1"],
    Deployment: ["apps", "v1"],
  };
  const [group, version] = groups[kind] ?? ["", "v1"];
  return { group, version, plural, kind };
}
