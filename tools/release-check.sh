#!/bin/sh
# Releases HEAD twice, in two clones in two folders, and compares every byte. Usage: release-check.sh [TARGETS]
set -eu
cd "$(dirname "$0")/.."
root=$PWD
commit=$(git rev-parse HEAD) # a commit that is made meanwhile is not checked
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
for clone in first second/in-another-folder; do
    mkdir -p "$work/$clone"
    git clone --quiet --no-local "$root" "$work/$clone/src"
    git -C "$work/$clone/src" checkout --quiet "$commit"
    if [ "$clone" != first ]; then
        # What a release must not depend on.
        export TZ=Pacific/Auckland LC_ALL=C
        umask 0077
        [ -z "${COLD:-}" ] || export GOCACHE="$work/cache"
    fi
    (cd "$work/$clone/src/tools/release" && "${GO:-go}" run . -out "$work/$clone/out" ${1:+-targets "$1"})
done
cd "$work"
diff -r first/out second/in-another-folder/out
echo "the same bytes:"
cat first/out/SHA256SUMS
