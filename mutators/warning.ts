/** Longest warning in characters; the API server may cut longer ones. */
const longest = 119;

/** One line for the writer's terminal. Line breaks and control characters would make the API server drop it without a trace. */
export function warning(text: string): string {
  const line = `Weir: ${text}`.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  const fits = line.length <= longest || [...line].length <= longest;
  return fits ? line : `${[...line].slice(0, longest - 1).join("")}…`;
}
