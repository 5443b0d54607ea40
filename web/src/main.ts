import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { onSignedOut } from "./api/client";
import { i18n } from "./i18n";
import { router } from "./router";
import { usePrefs } from "./stores/prefs";
import { useSession } from "./stores/session";
import "./styles/app.css";

const app = createApp(App).use(createPinia()).use(i18n);
const prefs = usePrefs();
const session = useSession();
onSignedOut(() => session.expired());
async function start(): Promise<void> {
  app.use(router); // the page's first navigation goes on while the session and the words are on their way
  await Promise.all([prefs.setLocale(prefs.locale, false), session.load(), router.isReady()]);
  app.mount("#app");
}
void start();
