import { type ErrorClass, type ErrorCode, type ServerAnswer, WeirError } from "../../api/errors.ts";

/** What an HTTP status of the API server means to us. */
function judgeStatus(status: number): readonly [ErrorCode, ErrorClass] {
  switch (status) {
    case 401: // the token may just have been rotated
      return ["api.forbidden", "retry"];
    case 403:
      return ["api.forbidden", "terminal"];
    case 404:
      return ["api.notFound", "terminal"];
    case 409:
      return ["api.conflict", "conflict"];
    case 410:
      return ["api.gone", "conflict"];
    case 408:
    case 429:
      return ["api.unavailable", "retry"];
    default:
      return status >= 500 ? ["api.unavailable", "retry"] : ["api.invalid", "terminal"];
  }
}

/** The error of an answer that says no. `what` names the request; `body` is the parsed answer, or its text. */
export function refusal(what: string, status: number, body: unknown, retryAfter?: string): WeirError {
  const [code, errorClass] = judgeStatus(status);
  const answer = readStatus(status, body);
  const words = typeof body === "string" ? body.trim().slice(0, 300) : textOf(body, "message");
  const retryAfterMs = readRetryAfter(retryAfter, body);
  return new WeirError(code, errorClass, `${what}: ${words || `the API server answered ${status}`}`, {
    answer,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function readStatus(status: number, body: unknown): ServerAnswer {
  const details = fieldOf(body, "details");
  const causes = fieldOf(details, "causes");
  return {
    status,
    reason: textOf(body, "reason"),
    causes: (Array.isArray(causes) ? causes : []).map((cause) => ({
      field: textOf(cause, "field"),
      message: textOf(cause, "message"),
      reason: textOf(cause, "reason"),
    })),
  };
}

function readRetryAfter(header: string | undefined, body: unknown): number | undefined {
  const stated = fieldOf(fieldOf(body, "details"), "retryAfterSeconds");
  const seconds = header !== undefined && /^\d+$/.test(header.trim()) ? Number(header) : stated;
  return typeof seconds === "number" && seconds > 0 ? Math.min(seconds, 3600) * 1000 : undefined;
}

/** The texts of `Warning: 299 - "text"` headers. The API server writes UTF-8 into them; HTTP clients read headers as Latin-1. */
export function readWarnings(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  const joined = Buffer.from(Array.isArray(header) ? header.join(", ") : header, "latin1").toString("utf8");
  const texts: string[] = [];
  for (const match of joined.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
    texts.push((match[1] ?? "").replace(/\\(.)/g, "$1"));
  }
  return texts;
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;
}

function textOf(value: unknown, field: string): string {
  const found = fieldOf(value, field);
  return typeof found === "string" ? found : "";
}
