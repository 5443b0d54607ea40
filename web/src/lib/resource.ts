import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef, type WatchSource } from "vue";
import { missing } from "@/api/client";

/** Something read from the API. Old data stays while new data is on its way. */
export interface Resource<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<unknown>;
  /** true until the first answer */
  loading: Ref<boolean>;
  /** true while newer data than what is shown is on its way because what was asked for changed */
  stale: Ref<boolean>;
  /** true where this server has no such route */
  absent: Ref<boolean>;
  refresh: () => Promise<void>;
}

/** Reads anew whenever `source` changes. An answer to an older question never replaces a newer one. */
export function useResource<S, T>(source: WatchSource<S>, read: (s: S, signal: AbortSignal) => Promise<T>): Resource<T> {
  const data: ShallowRef<T | null> = shallowRef(null);
  const error = shallowRef<unknown>(null);
  const loading = ref(true);
  const stale = ref(false);
  const absent = ref(false);
  let running: AbortController | null = null;
  let current: { s: S } | null = null;
  let answered: { s: S } | null = null;

  async function load(): Promise<void> {
    if (!current || absent.value) return;
    running?.abort();
    const mine = (running = new AbortController());
    const asked = current;
    try {
      const got = await read(asked.s, mine.signal);
      if (mine !== running) return;
      answered = asked;
      data.value = got;
      error.value = null;
    } catch (e) {
      if (mine !== running || (e instanceof DOMException && e.name === "AbortError")) return;
      if (missing(e)) absent.value = true;
      // figures of another range or filter must not stand for those that could not be read
      if (answered !== asked) data.value = null;
      error.value = e;
    }
    loading.value = false;
    stale.value = false;
  }

  watch(source, (s) => {
    current = { s };
    stale.value = data.value !== null;
    void load();
  }, { immediate: true });
  onScopeDispose(() => {
    running?.abort();
    running = null;
  });
  return { data, error, loading, stale, absent, refresh: load };
}
