import { defineStore } from "pinia";
import { ref } from "vue";
import { base } from "@/api/client";
import type { Alert, LogItem } from "@/api/types";
import { useReach } from "./reach";

export type LiveState = "off" | "connecting" | "live" | "paused" | "lost";

const reopen = 5000; // ms

export interface LiveListener {
  call?: (item: LogItem) => void;
  superseded?: (id: string) => void;
  skipped?: (count: number) => void;
  /** the stream was away: what came meanwhile must be read */
  gap?: () => void;
  /** an alert fires or ended */
  alert?: (a: Alert) => void;
  /** the stream begins: what comes from now on is told */
  opened?: () => void;
}

/** What a stream is asked for where the page shows no calls that come in: alerts are told still. */
const alertsOnly = "events=alerts";

/**
 * The one live connection of a page. A hidden page gives it up, for browsers hold few of them,
 * and says "gap" when it is back. One hidden page of a browser keeps it where the person wants to be told of
 * alerts.
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
  let wantsAlerts = false;
  let wakes = false;
  /** ends the turn of this page as the hidden one that listens */
  let endTurn: (() => void) | null = null;
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
    const follows = params !== null && !paused.value && !document.hidden;
    const hears = wantsAlerts && (!document.hidden || endTurn !== null);
    if (!follows) state.value = params === null || unsupported ? "off" : "paused";
    if (unsupported || (!follows && !hears)) {
      if (unsupported) state.value = "off";
      return;
    }
    if (follows) state.value = "connecting";
    const asked = follows ? params : alertsOnly;
    const s = (source = new EventSource(`${base}/logs/stream${asked ? "?" + asked : ""}`));
    const set = (v: LiveState) => follows && (state.value = v);
    let connecting = true;
    const parse = <T>(f: (v: T) => void) => (e: MessageEvent<string>) => {
      try {
        f(JSON.parse(e.data) as T);
      } catch {
        // one event that cannot be read must not end the stream
      }
    };
    s.onopen = () => {
      connecting = false;
      set("live");
      each((l) => l.opened?.());
      if (broken && follows) {
        each((l) => l.gap?.());
        broken = false;
      }
    };
    s.onerror = () => {
      if (source !== s) return;
      if (s.readyState === EventSource.CLOSED) {
        // refused: this server has no stream, or nobody is signed in
        unsupported = connecting && !broken;
        close();
        set(unsupported ? "off" : "lost");
        if (unsupported) return;
        broken = true; // a proxy before a server that starts answers in its place, and the browser gives up
        again = window.setTimeout(open, reopen);
      } else {
        broken = true; // the browser tries again by itself
        set("lost");
      }
      void reach.probe();
    };
    s.addEventListener("call", parse<LogItem>((item) => each((l) => l.call?.(item))));
    s.addEventListener("superseded", parse<{ id: string }>((v) => each((l) => l.superseded?.(v.id))));
    s.addEventListener("skipped", parse<{ count: number }>((v) => each((l) => l.skipped?.(v.count))));
    s.addEventListener("alert", parse<Alert>((a) => each((l) => l.alert?.(a))));
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
  /** Says whether alerts are to be told where no calls are followed. */
  function hear(on: boolean): void {
    if (on === wantsAlerts) return;
    wantsAlerts = on;
    open();
  }
  /** Says whether a hidden page is to tell of alerts. */
  function wakeful(on: boolean): void {
    wakes = on;
    if (!on) endTurn?.();
  }
  /** One hidden page of a browser has its turn; the next one when that is closed or shown. */
  function takeTurn(): void {
    if (!wakes || !wantsAlerts || !("locks" in navigator)) return;
    void navigator.locks.request("tokenboard.alerts", () => {
      if (!document.hidden || !wakes || endTurn) return undefined;
      return new Promise<void>((end) => {
        endTurn = () => {
          endTurn = null;
          end();
        };
        open();
      });
    }).catch(() => undefined); // a page that is closed gives up its place
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      broken = true;
      endTurn?.();
    }
    open();
    if (document.hidden) takeTurn();
  });
  reach.onBack(() => state.value === "lost" && open());
  return { state, paused, asOf, follow, toggle, listen, hear, wakeful };
});
