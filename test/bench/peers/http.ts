// Requests to key services whose API is JSON over HTTP.

import { request as requestHttp } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";

/** Posts JSON and reads JSON; rejects on any status but 2xx. */
export function post(url: string, body: unknown, options: RequestOptions): Promise<Record<string, unknown>> {
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, method: "POST", agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => {
        if (Math.floor(answer.statusCode! / 100) !== 2) reject(new Error(`${url}: ${answer.statusCode} ${text}`));
        else resolve((text === "" ? {} : JSON.parse(text)) as Record<string, unknown>);
      });
    });
    sent.on("error", reject).end(JSON.stringify(body));
  });
}
