#!/bin/sh
# Installs the Debian packages that tests need and that are missing here: nginx and caddy (e2e), chromium and Chinese fonts (web/tests/e2e),
# prometheus with promtool (e2e/grafana_test.go), rpm (tools/release), venv of the system's python3 (e2e/emitters), postgresql and pgbouncer
# (internal/store/postgres; tests start their own servers, and no cluster of the system is made).
set -eu
missing=
need() { # package, a file that it brings
    [ -e "$2" ] || missing="$missing $1"
}
need nginx-light /usr/sbin/nginx
need caddy /usr/bin/caddy
need chromium "${CHROMIUM:-/usr/bin/chromium}"
need fonts-noto-cjk /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
need prometheus /usr/bin/promtool
need rpm /usr/bin/rpm
# A python3 of another kind than Debian's has venv, or not, in its own way.
if [ -e /usr/bin/python3 ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing="$missing python3-venv"; fi
servers=$(echo /usr/lib/postgresql/*/bin/postgres)
need postgresql "${servers%% *}"
need pgbouncer /usr/sbin/pgbouncer
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "these tests need:$missing" >&2; exit 1; }
echo "installing$missing"
as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
case $missing in *" postgresql"*)
    $as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.d/tests.conf >/dev/null ;;
esac
# shellcheck disable=SC2086 # several words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
