// Finds figures and buttons that a reader cannot see whole: cut by their cell, or off the screen.

/** In the page. What a name is (`.clip` and no `.num`) may be cut: it has an ellipsis and its whole text on hover. */
function find() {
  const found = new Set();
  const name = (e) => `${e.closest("[data-card]")?.dataset.card ?? e.closest("table, ul, ol, dl")?.getAttribute("aria-label") ?? e.parentElement?.className ?? ""} ${e.tagName.toLowerCase()}.${e.className?.baseVal ?? e.className}: ${(e.innerText || e.getAttribute("aria-label") || "").replaceAll(/\s+/g, " ").trim().slice(0, 40)}`;
  const hides = (e) => getComputedStyle(e).overflowX !== "visible";
  /** whether a box is cut at its sides by something it stands in; what is wholly outside above or below is not shown there at all */
  const cut = (e, box) => {
    for (let up = e; up && up !== document.body; up = up.parentElement) {
      if (up.closest(".sr, [aria-hidden=true], pre")) return "";
      const s = getComputedStyle(up);
      if (s.display === "contents" || (up !== e && s.display === "inline")) continue;
      if (!hides(up) || up === e) continue;
      const r = up.getBoundingClientRect();
      if (box.top >= r.bottom - 1 || box.bottom <= r.top + 1) return "";
      if (box.left < r.left - 1 || box.right > r.right + 1) return `cut by ${up.tagName.toLowerCase()}.${up.className}`;
    }
    if (box.left < -1 || box.right > innerWidth + 1) return "off the screen";
    return "";
  };
  const walker = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    if (!/\d/.test(n.data)) continue;
    const e = n.parentElement;
    if (e.closest(".sr, script, style, option, [aria-hidden=true], pre, textarea") || (e.closest(".clip") && !e.closest(".num"))) continue;
    const range = document.createRange();
    range.selectNodeContents(n);
    for (const box of range.getClientRects()) {
      if (box.width === 0 || !e.checkVisibility()) continue;
      let own = e;
      while (getComputedStyle(own).display === "inline" && own.parentElement) own = own.parentElement;
      if (hides(own) && own.scrollWidth > own.clientWidth + 1 && own.tagName !== "TD" && !own.matches(".pairs, .second")) found.add(`${name(e)} (in ${own.tagName.toLowerCase()}.${own.className}, ${own.scrollWidth} in ${own.clientWidth})`);
      const style = getComputedStyle(own);
      // less than a pixel too much is enough for an ellipsis, which no width in whole pixels shows
      if (hides(own) && style.textOverflow === "ellipsis" && box.right > own.getBoundingClientRect().right - parseFloat(style.paddingRight) - parseFloat(style.borderRightWidth) + 0.05) found.add(`${name(e)} (ends in an ellipsis)`);
      const why = cut(e, box) || (hides(own) && (box.right > own.getBoundingClientRect().right + 1 || box.left < own.getBoundingClientRect().left - 1) && box.top < own.getBoundingClientRect().bottom ? "cut by its own box" : "");
      if (why) found.add(`${name(e)} (${why})`);
    }
  }
  for (const e of document.querySelectorAll("#app button, #app a, #app input, #app select, #app .badge, #app progress")) {
    const box = e.getBoundingClientRect();
    if (box.width === 0 || !e.checkVisibility() || e.matches(".skip") || e.closest(".sr, .clip")) continue;
    const why = cut(e, box);
    // a link around a name is as wide as the name, which may be cut
    if (why && !e.querySelector(".clip")) found.add(`${name(e)} (${why})`);
  }
  // a part that scrolls sideways hides figures without saying so
  for (const e of document.querySelectorAll("#app *"))
    if (["auto", "scroll"].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1 && !e.matches("pre, textarea")) found.add(`${name(e)} (scrolls sideways, ${e.scrollWidth} in ${e.clientWidth})`);
  const wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wider > 0) found.add(`the page is ${wider} pixels too wide`);
  return [...found];
}

export const clipped = (page) => page.evaluate(find);
