// Why a call failed, as far as its telemetry says.
import type { LogItem } from "@/api/types";

type Failed = Pick<LogItem, "status" | "failed" | "error_type">;

const isError = (status: number | null | undefined): status is number => typeof status === "number" && status >= 400;

/** What failed in a few letters: the type of the error, else the HTTP status. Empty where a call did not fail, or says nothing. */
export function failure(i: Failed): string {
  if (i.error_type) return i.error_type;
  return i.failed && isError(i.status) ? `HTTP ${i.status}` : "";
}

/** The names of HTTP statuses (RFC 9110, RFC 6585) that model providers answer with. */
const reasons: Record<number, string> = {
  400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
  422: "Unprocessable Content", 429: "Too Many Requests", 499: "Client Closed Request", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
  503: "Service Unavailable", 504: "Gateway Timeout", 529: "Overloaded",
};

/** "HTTP 429 Too Many Requests"; empty where the status is not known. */
export const statusLine = (status: number | null | undefined): string => (typeof status === "number" ? ["HTTP", status, reasons[status]].filter(Boolean).join(" ") : "");

/** Whether a call failed though its HTTP status says that it did not: a stream that broke off, an error within an answer. */
export const failedWithSuccess = (i: Failed): boolean => i.failed && typeof i.status === "number" && !isError(i.status);
