/** What a webhook of a canary sends. */
export interface Payload {
  readonly name: string;
  readonly namespace: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Something to run, as a program and its arguments. */
export interface Task {
  readonly type: "cmd" | "bash" | "helm" | "helmv3" | "kubectl";
  /** `<name>.<namespace>` of the canary. */
  readonly canary: string;
  /** As the user wrote it. */
  readonly command: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The answer waits for the end and tells how it went. */
  readonly blocking: boolean;
  readonly returnOutput: boolean;
  readonly logOutput: boolean;
}

/** The answer to a payload that can't be run. */
export interface Refusal {
  readonly refused: string;
}

/** Undefined for anything that is not a payload: the caller answers 400 and nothing else. */
export function parsePayload(text: string): Payload | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isFields(value)) return undefined;
  const { name = "", namespace = "", metadata = {} } = value;
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  const entries = metadata ?? {};
  if (!isFields(entries) || !Object.values(entries).every((item) => typeof item === "string")) return undefined;
  return { name, namespace, metadata: entries as Record<string, string> };
}

export function canaryOf(payload: Payload): string {
  return `${payload.name}.${payload.namespace}`;
}

export function planTask(payload: Payload): Task | Refusal {
  const { metadata } = payload;
  if (Object.keys(metadata).length === 0) return { refused: "metadata not found in payload" };
  const type = metadata["type"] ?? "cmd";
  const command = metadata["cmd"];
  const base = {
    canary: canaryOf(payload),
    returnOutput: isTrue(metadata["returnCmdOutput"]),
    logOutput: type !== "cmd" || isTrue(metadata["logCmdOutput"]),
    blocking: type !== "cmd",
  };
  switch (type) {
    case "cmd":
    case "bash":
    case "helm":
    case "helmv3":
    case "kubectl":
      if (command === undefined || command.trim() === "") return { refused: "cmd not found in metadata" };
      return { ...base, type, command, ...programOf(type, command) };
    case "concord":
    case "ngrinder":
      return { refused: `task type ${type} is not supported yet` };
    default:
      return { refused: `unknown task type ${type}` };
  }
}

function programOf(type: Task["type"], command: string): Pick<Task, "program" | "args"> {
  if (type === "cmd") return { program: "sh", args: ["-c", command] };
  if (type === "bash") return { program: "bash", args: ["-c", command] };
  return { program: type === "kubectl" ? "kubectl" : "helm", args: command.trim().split(/\s+/) };
}

/** The spellings of true that metadata may use; everything else is false. */
function isTrue(text: string | undefined): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(text ?? "");
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
