import { defineStore } from "pinia";
import { ref } from "vue";
import { onReach, ping } from "@/api/client";

const between = 3000; // ms from one attempt to the next

/**
 * Whether the server answers. Where it does not, the page says so over its old figures, asks again
 * and again, and reads everything anew when it is back.
 */
export const useReach = defineStore("reach", () => {
  /** since when the server does not answer, in milliseconds; 0 while it does */
  const lostAt = ref(0);
  const back: (() => void)[] = [];
  let timer = 0;

  async function probe(): Promise<void> {
    clearTimeout(timer);
    timer = 0;
    if (await ping()) found();
    else lost();
  }
  function lost(): void {
    if (!lostAt.value) lostAt.value = Date.now();
    if (!timer) timer = window.setTimeout(() => void probe(), between);
  }
  function found(): void {
    clearTimeout(timer);
    timer = 0;
    if (!lostAt.value) return;
    lostAt.value = 0;
    for (const f of back) f();
  }
  onReach((answered) => (answered ? found() : lost()));
  /** Calls a function when the server is back. */
  function onBack(f: () => void): void {
    back.push(f);
  }
  return { lostAt, probe, onBack };
});
