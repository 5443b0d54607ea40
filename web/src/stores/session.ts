import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, ApiError, missing } from "@/api/client";
import type { Session } from "@/api/types";
import { usePrefs } from "./prefs";

/** Who is signed in, and what they may do. */
export const useSession = defineStore("session", () => {
  const session = ref<Session | null>(null);
  const error = ref<unknown>(null);
  const known = ref(false);

  async function load(): Promise<void> {
    try {
      take(await api.get<Session>("/session"));
      error.value = null;
    } catch (e) {
      // a server without sign-in lets through whoever reaches it
      if (missing(e)) take(null);
      else if (e instanceof ApiError && e.status === 401) take(null);
      else error.value = e;
    }
    known.value = true;
  }

  function take(s: Session | null): void {
    session.value = s;
    if (s?.timezone) usePrefs().serverZone = s.timezone;
  }

  const mustSignIn = computed(() => session.value !== null && session.value.user === null && ["local", "oidc"].includes(session.value.access_mode));
  const may = (permission: string): boolean => session.value === null || session.value.permissions.includes(permission);

  async function signIn(username: string, password: string): Promise<void> {
    take(await api.post<Session>("/session", { username, password }));
  }
  /** makes the first admin with the token of the link that the server printed */
  async function setUp(token: string, username: string, password: string): Promise<void> {
    take(await api.post<Session>("/session/setup", { token, username, password }));
  }
  async function signOut(): Promise<void> {
    const out = await api.delete<{ logout_url: string | null }>("/session");
    if (out?.logout_url) location.assign(out.logout_url);
    else await load();
  }
  function expired(): void {
    void load();
  }
  return { session, error, known, mustSignIn, may, load, signIn, setUp, signOut, expired };
});
