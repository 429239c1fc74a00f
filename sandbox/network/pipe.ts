import { type IncomingMessage, request as openRequest, type ServerResponse } from "node:http";
import { answer } from "./forward.ts";
import { passOn } from "./headers.ts";
import type { Address } from "./hostNames.ts";

/** Plain passing on to an address on loopback; the Host header stays as the client sent it. */
export function pipe(request: IncomingMessage, response: ServerResponse, address: Address, path: string): void {
  const upstream = openRequest(
    {
      host: address.host,
      port: address.port,
      path,
      method: request.method ?? "GET",
      headers: passOn(request.rawHeaders),
      timeout: 300_000,
    },
    (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.statusMessage, passOn(answered.rawHeaders));
      answered.pipe(response);
      answered.on("error", () => response.destroy());
    },
  );
  upstream.on("timeout", () => upstream.destroy(new Error("no answer in time")));
  upstream.on("error", (error) => {
    if (response.headersSent) response.destroy();
    else answer(response, 502, `${address.host}:${address.port} does not answer: ${error.message}`);
  });
  response.on("close", () => upstream.destroy());
  request.pipe(upstream);
}
