import { defineStore } from "pinia";
import { ref } from "vue";
import { base } from "@/api/client";
import type { LogItem } from "@/api/types";
import { useReach } from "./reach";

export type LiveState = "off" | "connecting" | "live" | "paused" | "lost";

const reopen = 5000; // ms

export interface LiveListener {
  call?: (item: LogItem) => void;
  superseded?: (id: string) => void;
  skipped?: (count: number) => void;
  /** the stream was away: what came meanwhile must be read */
  gap?: () => void;
}

/**
 * The one live connection of a page. A hidden page gives it up, for browsers hold few of them,
 * and says "gap" when it is back.
 */
export const useLive = defineStore("live", () => {
  const state = ref<LiveState>("off");
  const paused = ref(false);
  const asOf = ref("");
  const listeners = new Set<LiveListener>();
  let source: EventSource | null = null;
  let params: string | null = null;
  let broken = false;
  let unsupported = false;
  let again = 0;
  const reach = useReach();

  function each(f: (l: LiveListener) => void): void {
    for (const l of [...listeners]) f(l);
  }

  function close(): void {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  function open(): void {
    close();
    if (params === null || unsupported) {
      state.value = "off";
      return;
    }
    if (paused.value || document.hidden) {
      state.value = "paused";
      return;
    }
    state.value = "connecting";
    const s = (source = new EventSource(`${base}/logs/stream${params ? "?" + params : ""}`));
    const parse = <T>(f: (v: T) => void) => (e: MessageEvent<string>) => {
      try {
        f(JSON.parse(e.data) as T);
      } catch {
        // one event that cannot be read must not end the stream
      }
    };
    s.onopen = () => {
      state.value = "live";
      if (broken) each((l) => l.gap?.());
      broken = false;
    };
    s.onerror = () => {
      if (source !== s) return;
      if (s.readyState === EventSource.CLOSED) {
        // refused: this server has no stream, or nobody is signed in
        unsupported = state.value === "connecting" && !broken;
        close();
        state.value = unsupported ? "off" : "lost";
        if (unsupported) return;
        broken = true; // a proxy before a server that starts answers in its place, and the browser gives up
        again = window.setTimeout(open, reopen);
      } else {
        broken = true; // the browser tries again by itself
        state.value = "lost";
      }
      void reach.probe();
    };
    s.addEventListener("call", parse<LogItem>((item) => each((l) => l.call?.(item))));
    s.addEventListener("superseded", parse<{ id: string }>((v) => each((l) => l.superseded?.(v.id))));
    s.addEventListener("skipped", parse<{ count: number }>((v) => each((l) => l.skipped?.(v.count))));
    s.addEventListener("as_of", parse<{ as_of: string } | string>((v) => (asOf.value = typeof v === "string" ? v : v.as_of)));
  }

  /** Follows the calls that match these parameters; null follows none. */
  function follow(p: string | null): void {
    if (p === params) return;
    params = p;
    open();
  }
  function toggle(): void {
    paused.value = !paused.value;
    if (!paused.value) broken = true;
    open();
  }
  function listen(l: LiveListener): () => void {
    listeners.add(l);
    return () => listeners.delete(l);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) broken = true;
    open();
  });
  reach.onBack(() => state.value === "lost" && open());
  return { state, paused, asOf, follow, toggle, listen };
});
