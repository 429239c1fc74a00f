/** What watches show: of every object the newest version, and how many events told of them. */
import { type Api, inParallel } from "./apiClient.ts";

/** How the watches lie over the objects: each has its part of them, by a label selector, or each has them all. */
export const shapes = ["divided", "all"] as const;
export type Shape = (typeof shapes)[number];

/** Versions by name. */
export type View = Map<string, string>;

export interface Watching {
  readonly versions: View;
  /** Of a view of everything, what this watch should show. */
  readonly part: (whole: View) => View;
  expected: View;
  events: number;
  close: () => void;
}

/** Opens watches of a collection that go on from a list of it. */
export async function openWatches(
  api: Api,
  collection: string,
  count: number,
  { view, version }: { readonly view: View; readonly version: string },
  shape: Shape,
): Promise<Watching[]> {
  const views: Watching[] = [];
  await inParallel(count, async (index) => {
    const whole = shape === "all";
    const isMine = (name: string): boolean => Number(name.slice("app-".length)) % count === index;
    const part = (all: View): View => (whole ? all : new Map([...all].filter(([name]) => isMine(name))));
    const versions = new Map(part(view));
    const watching: Watching = { versions, part, expected: versions, events: 0, close: () => undefined };
    views.push(watching);
    const selector = whole ? "" : `&labelSelector=part%3D${index}`;
    const path = `${collection}?watch=true&resourceVersion=${version}&timeoutSeconds=600${selector}`;
    watching.close = await api.watch(path, linesInto(watching));
  });
  return views;
}

const HEAD = /^\{"type":"([A-Z]+)","object":\{[^{]*"metadata":\{"name":"([^"]+)".*?"resourceVersion":"(\d+)"/s;
const HEAD_LENGTH = 600;
const LINE_FEED = 0x0a;

/** Reads name and version at the head of each line; parsing all of them would measure the reader. */
function linesInto(watching: Watching): (chunk: Buffer) => void {
  let head = "";
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, at);
      const stop = end < 0 ? chunk.length : end;
      if (head.length < HEAD_LENGTH) {
        head += chunk.toString("latin1", at, Math.min(stop, at + HEAD_LENGTH - head.length));
      }
      if (end < 0) return;
      take(watching, head);
      head = "";
      at = end + 1;
    }
  };
}

function take(watching: Watching, head: string): void {
  const [, type, name = "", version = ""] = HEAD.exec(head) ?? [];
  if (type === undefined) throw new Error(`a line of a watch cannot be read: ${head}`);
  watching.events += 1;
  if (type === "DELETED") watching.versions.delete(name);
  else watching.versions.set(name, version);
}

/** True when the watch shows something else than it should. */
export function isAstray({ versions, expected }: Watching): boolean {
  return !sameView(versions, expected);
}

export function sameView(seen: View, expected: View): boolean {
  if (seen.size !== expected.size) return false;
  for (const [name, version] of expected) if (seen.get(name) !== version) return false;
  return true;
}
