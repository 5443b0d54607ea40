import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { api } from "@/api/client";
import type { Alert } from "@/api/types";
import { useLive } from "./live";
import { useSession } from "./session";

const kept = 50; // alerts that the list has
const between = 1000; // ms between two readings

function read(name: string): string | null {
  try {
    return localStorage.getItem("tokenboard." + name);
  } catch {
    return null; // storage may be forbidden
  }
}
function write(name: string, value: string): void {
  try {
    localStorage.setItem("tokenboard." + name, value);
  } catch {
    // then it holds for this page only
  }
}

/** When an alert last changed: when it ended, or when it began. */
export const changedAt = (a: Alert): number => Date.parse(a.ended_at ?? a.started_at);

/** What fired and ended of late, what of it this browser has not shown yet, and who is told. */
export const useAlerts = defineStore("alerts", () => {
  const session = useSession();
  const live = useLive();
  const list = ref<Alert[]>([]);
  const firing = computed(() => list.value.filter((a) => a.state === "firing"));
  /** changes after this moment are unread; null in a browser that never opened the list: what fires is unread then */
  const seen = ref<number | null>(Number(read("alertsSeen")) || null);
  const isUnread = (a: Alert): boolean => (seen.value === null ? a.state === "firing" : changedAt(a) > seen.value);
  const unread = computed(() => list.value.filter(isUnread).length);
  /** counts the alerts that began or ended while the page was open, for those who list them */
  const changes = ref(0);

  /** begins with what fires, however long ago it began */
  async function load(): Promise<void> {
    if (!session.may("read_alerts")) return;
    const ask = (state: string) => api.get<Alert[]>("/alerts", new URLSearchParams({ state, limit: String(kept) }));
    try {
      const [now, ended] = await Promise.all([ask("firing"), ask("ended")]);
      list.value = [...now, ...ended].sort((a, b) => changedAt(b) - changedAt(a));
      changes.value++;
    } catch {
      // the stream asks again when it is back
    }
  }
  let last = 0;
  let timer = 0;
  function refresh(): void {
    if (timer) return;
    timer = window.setTimeout(() => {
      timer = 0;
      last = Date.now();
      void load();
    }, Math.max(0, last + between - Date.now()));
  }
  const told = new Set<string>();
  function put(a: Alert): void {
    list.value = [a, ...list.value.filter((x) => x.id !== a.id)].slice(0, 2 * kept);
    changes.value++;
    const event = `${a.id}-${a.state}`;
    if (wanted.value && !document.hasFocus() && !told.has(event)) tell(a, event);
    told.add(event);
  }
  function markRead(): void {
    const newest = Math.max(seen.value ?? 1, ...list.value.map(changedAt));
    seen.value = newest;
    write("alertsSeen", String(newest));
  }
  window.addEventListener("storage", (e) => {
    if (e.key === "tokenboard.alertsSeen") seen.value = Number(e.newValue) || null; // another tab showed them
  });

  // ---- notifications of the browser: only where the person asked for them, on a click

  const supported = "Notification" in window && window.isSecureContext;
  const permission = ref<NotificationPermission>(supported ? Notification.permission : "denied");
  const asked = ref(read("alertsNotify") === "on");
  const wanted = computed(() => supported && asked.value && permission.value === "granted");
  /** what a notification says, and what a click on it opens; set by the part of the page that has words */
  let words: (a: Alert) => { title: string; body: string } = (a) => ({ title: a.rule.name, body: a.subject });
  let show: (a: Alert) => void = () => undefined;
  function present(w: typeof words, s: typeof show): void {
    words = w;
    show = s;
  }
  /** people change it in the browser's settings while the page is open */
  function lookUp(): void {
    if (supported) permission.value = Notification.permission;
  }
  async function notify(on: boolean): Promise<void> {
    if (on && supported) permission.value = await Notification.requestPermission();
    asked.value = on && permission.value === "granted";
    write("alertsNotify", asked.value ? "on" : "off");
  }
  function tell(a: Alert, tag: string): void {
    try {
      const n = new Notification(words(a).title, { body: words(a).body, tag }); // the tag makes one of those of several tabs
      n.onclick = () => {
        window.focus();
        n.close();
        show(a);
      };
    } catch {
      // browsers of phones have them in service workers only
    }
  }
  watch(wanted, (w) => live.wakeful(w), { immediate: true });
  live.listen({ alert: put, skipped: refresh, opened: refresh });
  return { list, firing, unread, isUnread, changes, load: refresh, markRead, supported, permission, wanted, lookUp, notify, present };
});
