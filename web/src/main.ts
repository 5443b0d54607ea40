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
await Promise.all([prefs.setLocale(prefs.locale, false), session.load()]);
app.use(router).mount("#app");
