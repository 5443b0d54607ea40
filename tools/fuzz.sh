#!/bin/sh
# Runs every fuzz target of every module, one after another, each for the time that is given (10m). What fails
# is kept by go test in the package's testdata/fuzz; what is new and interesting in the build cache. It begins with
# the corpus that earlier runs found (testdata/fuzz-corpus.tar.xz); with KEEP=1 it stores what is there at its end.
# A second argument limits the targets to those whose package and name match it.
set -eu
time=${1:-10m}
only=${2:-.}
cd "$(dirname "$0")/.."
kept=$PWD/testdata/fuzz-corpus.tar.xz
cache=$("${GO:-go}" env GOCACHE)/fuzz
mkdir -p "$cache"
tar -xJf "$kept" -C "$cache" || echo "the corpus of earlier runs is left out: tar cannot read $kept" >&2
grep -rn --include='*_test.go' '^func Fuzz' . | grep -v node_modules |
	sed -E 's#^(.*)/[^/]*:[0-9]+:func (Fuzz[A-Za-z0-9]*).*#\1 \2#' | sort -u | grep -E "$only" |
	while read -r package name; do
		echo "fuzz $package $name $time"
		"${GO:-go}" test -C "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x . </dev/null
	done
if [ "${KEEP:-}" = 1 ]; then
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cJf "$kept" -C "$cache" github.com/tokenboard
fi
