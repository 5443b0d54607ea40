// Colours with a meaning. The eight for groups can be told apart with the common kinds of
// colour-blindness; each theme has its own shades, in app.css.

const shades = 8;

function hash(s: string): number {
  let h = 2166136261;
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
  return h >>> 0;
}

/**
 * The shade of each group, 0 to 7: by a hash of its name, so that a model keeps its colour between
 * pages; where two of one chart would share a shade, the later name takes the next free one.
 */
export function shadesOf(names: readonly string[]): Map<string, number> {
  const out = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of [...new Set(names)].sort()) {
    let shade = hash(name) % shades;
    for (let i = 0; i < shades && taken.has(shade); i++) shade = (shade + 1) % shades;
    taken.add(shade);
    out.set(name, shade);
  }
  return out;
}

/** A custom property's value in the theme that is on. */
export function themed(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
