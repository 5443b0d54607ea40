// The sign-in page. It sends JSON to the API; secrets are in bodies only, never in an address that
// reaches the server: the one-time token is behind the # of the link.
"use strict";

const chinese = navigator.language.toLowerCase().startsWith("zh");
const say = (en, zh) => (chinese ? zh : en);
const $ = (id) => document.getElementById(id);
document.documentElement.lang = chinese ? "zh" : "en";
for (const e of document.querySelectorAll("[data-en]")) e.textContent = say(e.dataset.en, e.dataset.zh);

const query = new URLSearchParams(location.search);
const setup = new URLSearchParams(location.hash.slice(1)).get("setup");
history.replaceState(null, "", location.pathname + location.search);

// next is a page of the console, whatever the address says.
function next() {
  const to = new URL(query.get("next") || "/console/", location.origin);
  return to.origin === location.origin && to.pathname.startsWith("/console/") && to.pathname !== location.pathname ? to.href : "/console/";
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

async function call(path, body) {
  const answer = await fetch("/api/console" + path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const got = await answer.json();
  if (got.code !== 0) throw new Error(got.message);
  return got.data;
}

async function begin() {
  const session = await call("/session");
  if (session.user) return location.replace(next());
  if (session.oidc) {
    $("sso-link").href = session.oidc.login_url + "?next=" + encodeURIComponent(new URL(next(), location.origin).pathname);
    $("sso-link").textContent = say("Sign in with ", "登录方式：") + session.oidc.name;
    $("sso").hidden = false;
  }
  $("form").hidden = session.access_mode !== "local" && session.access_mode !== "oidc";
  if (setup) {
    $("submit").textContent = say("Make the first admin", "创建首位管理员");
    $("password").autocomplete = "new-password";
    $("hint").textContent = say("Choose a name and a password of 12 characters or more.", "请设置用户名和至少 12 个字符的密码。");
    $("hint").hidden = false;
  } else if (session.needs_setup) {
    $("hint").textContent = say("There is no admin yet: open the link that the server printed when it started.", "尚无管理员：请打开服务器启动时打印的链接。");
    $("hint").hidden = false;
  }
  switch (query.get("problem")) {
    case "refused":
      problem(say("You could not be signed in there: ask an admin whether you have a role here, then try again.", "无法登录：请向管理员确认您是否拥有角色，然后重试。"));
      break;
    case "provider":
      problem(say("The sign-in service does not answer as it should. Try again, or tell an admin.", "登录服务异常，请重试或联系管理员。"));
      break;
  }
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  problem("");
  $("submit").disabled = true;
  try {
    const who = { username: $("username").value, password: $("password").value };
    await (setup ? call("/session/setup", { token: setup, ...who }) : call("/session", who));
    location.replace(next());
  } catch (err) {
    problem(err.message);
  } finally {
    $("submit").disabled = false;
  }
});

begin().catch((err) => problem(err.message));
