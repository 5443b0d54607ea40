import { onScopeDispose } from "vue";
import { useLive } from "@/stores/live";

const shortest = 1000; // ms between two readings

/** What the stream is asked for beside a question: its filters without its range; null where that has an end, so that nothing comes in. */
export function liveQuery(question: string | URLSearchParams, without: readonly string[] = []): string | null {
  const p = new URLSearchParams(question);
  if (p.has("to")) return null;
  for (const name of ["from", ...without]) p.delete(name);
  return p.toString();
}

/** Reads anew when calls come in: at most once a second, one at a time, never while the page is hidden. */
export function useLiveRefresh(read: () => Promise<unknown>, between = shortest): void {
  const live = useLive();
  let last = 0;
  let timer = 0;
  let busy = false;
  let again = false;

  async function run(): Promise<void> {
    timer = 0;
    if (document.hidden) return; // the stream says "gap" when the page is back
    busy = true;
    last = Date.now();
    try {
      await read();
    } finally {
      busy = false;
      if (again) {
        again = false;
        schedule();
      }
    }
  }
  function schedule(): void {
    if (busy) again = true;
    else if (!timer) timer = window.setTimeout(() => void run(), Math.max(0, last + between - Date.now()));
  }
  const stop = live.listen({ call: schedule, superseded: schedule, skipped: schedule, gap: schedule });
  onScopeDispose(() => {
    stop();
    clearTimeout(timer);
  });
}
