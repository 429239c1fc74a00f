/** String formats that the API server checks; unknown ones are ignored, as there. */
import { isIPv4, isIPv6 } from "node:net";

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const hostname = /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*\.?$/i;
const dateTime = /^\d{4}-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const goDuration = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$/;
const wordDuration = /^\s*(\d+\s*(ns|us|µs|ms|s|m|h|hr|hour|min|minute|sec|second|d|day|w|week|wk)s?)\s*$/i;

const checks: Record<string, (text: string) => boolean> = {
  "date-time": isDateTime,
  datetime: isDateTime,
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDateTime(`${text}T00:00:00Z`),
  duration: (text) => text === "0" || goDuration.test(text) || wordDuration.test(text),
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/\r\n]*={0,2}$/.test(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-]){0,2}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => uuid.test(text),
  uuid3: (text) => uuid.test(text),
  uuid4: (text) => uuid.test(text),
  uuid5: (text) => uuid.test(text),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  email: (text) => /^[^@\s]+@[^@\s]+$/.test(text),
  uri: isUri,
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
};

/** False when the text breaks a format that is known. */
export function matchesFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}

function isDateTime(text: string): boolean {
  return dateTime.test(text) && !Number.isNaN(Date.parse(text.replace(" ", "T")));
}

function isCidr(text: string): boolean {
  const [address, bits, ...rest] = text.split("/");
  if (address === undefined || bits === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

function isUri(text: string): boolean {
  return text.startsWith("/") ? URL.canParse(text, "http://localhost") : URL.canParse(text);
}

const intRanges: Record<string, readonly [number, number]> = {
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
};

/** False when a whole number does not fit the format; `int64` cannot be exceeded by what JSON numbers hold exactly. */
export function fitsInteger(format: string | undefined, value: number): boolean {
  const range = format === undefined ? undefined : intRanges[format];
  return range === undefined || (value >= range[0] && value <= range[1]);
}
