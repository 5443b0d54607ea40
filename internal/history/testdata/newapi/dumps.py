"""Writes the rows of logs.json into real databases and dumps them as their own tools do: new-api's table as its
GORM makes it, beside another table whose rows must not be read.

    python3 dumps.py FOLDER      needs sqlite3, PostgreSQL 15 and MariaDB (Debian: sqlite3, postgresql-15, mariadb-server)

FOLDER is for the databases; the dumps go beside this file. Run it as root: PostgreSQL runs as the user postgres.
"""
import csv, json, os, pathlib, shutil, subprocess, sys, time

here = pathlib.Path(__file__).resolve().parent
work = pathlib.Path(sys.argv[1]).resolve()
work.mkdir(parents=True, exist_ok=True)
rows = json.loads((here / "logs.json").read_text())["data"]["items"]
names = ["id", "user_id", "created_at", "type", "content", "username", "token_name", "model_name", "quota", "prompt_tokens",
         "completion_tokens", "use_time", "is_stream", "channel_id", "token_id", "group", "ip", "request_id", "other"]


def values(row, true, false):
    return [(true if v else false) if isinstance(v := row["channel" if n == "channel_id" else n], bool) else v for n in names]


def run(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, **more).stdout


def statements(quote, text, integer, boolean, escape, true, false):
    kinds = {n: integer for n in ["id", "user_id", "created_at", "type", "quota", "prompt_tokens", "completion_tokens", "use_time", "channel_id", "token_id"]}
    kinds["is_stream"] = boolean
    columns = ", ".join(f"{quote}{n}{quote} {kinds.get(n, text)}" for n in names)
    yield f"CREATE TABLE other ({quote}id{quote} {integer}, {quote}model_name{quote} {text});"
    yield f"INSERT INTO other VALUES (1, {escape('not a call; ' + chr(39) + ');')});"
    yield f"CREATE TABLE logs ({columns}, PRIMARY KEY ({quote}id{quote}));"
    yield f"CREATE INDEX idx_created_at_type ON logs ({quote}created_at{quote}, {quote}type{quote});"
    for row in rows:
        cells = ", ".join(escape(v) if isinstance(v, str) else str(v) for v in values(row, true, false))
        yield f"INSERT INTO logs VALUES ({cells});"


def doubled(s):
    return "'" + s.replace("'", "''") + "'"


def sqlite():
    db = work / "one-api.db"
    db.unlink(missing_ok=True)
    run("sqlite3", db, input="\n".join(statements("`", "text", "integer", "numeric", doubled, 1, 0)).encode())
    (here / "sqlite.sql").write_bytes(run("sqlite3", db, ".dump"))


def postgres():
    data, bin_ = work / "pg", pathlib.Path("/usr/lib/postgresql/15/bin")
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    shutil.chown(data, "postgres")
    as_user = ["runuser", "-u", "postgres", "--"]
    run(*as_user, bin_ / "initdb", "-D", data / "db", "-A", "trust", "--locale=C.UTF-8")
    server = subprocess.Popen([*as_user, str(bin_ / "postgres"), "-D", str(data / "db"), "-k", str(data), "-c", "listen_addresses="], stderr=subprocess.DEVNULL)
    try:
        wait(lambda: run(*as_user, bin_ / "psql", "-h", data, "-c", "select 1", "postgres", stderr=subprocess.DEVNULL))
        text = "\n".join(statements('"', "text", "bigint", "boolean", doubled, "true", "false"))
        run(*as_user, bin_ / "psql", "-h", data, "-v", "ON_ERROR_STOP=1", "postgres", input=text.encode())
        (here / "postgres-copy.sql").write_bytes(run(*as_user, bin_ / "pg_dump", "-h", data, "postgres"))
        (here / "postgres-inserts.sql").write_bytes(run(*as_user, bin_ / "pg_dump", "-h", data, "--inserts", "postgres"))
        (here / "postgres.csv").write_bytes(run(*as_user, bin_ / "psql", "-h", data, "-c", "\\copy logs to stdout csv header", "postgres"))
    finally:
        server.terminate()
        server.wait()


def mariadb():
    data = work / "maria"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    run("mariadb-install-db", f"--datadir={data / 'db'}", "--user=root", "--auth-root-authentication-method=normal", stderr=subprocess.DEVNULL)
    socket = data / "sock"
    server = subprocess.Popen(["mariadbd", "--no-defaults", f"--datadir={data / 'db'}", f"--socket={socket}", "--user=root", "--skip-networking"], stderr=subprocess.DEVNULL)
    try:
        wait(lambda: run("mariadb", "--no-defaults", f"--socket={socket}", "-e", "create database if not exists newapi character set utf8mb4", stderr=subprocess.DEVNULL))
        escape = lambda s: "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'"
        text = "\n".join(statements("`", "longtext", "bigint", "tinyint(1)", escape, 1, 0))
        run("mariadb", "--no-defaults", f"--socket={socket}", "--default-character-set=utf8mb4", "newapi", input=text.encode())
        (here / "mysql.sql").write_bytes(run("mariadb-dump", "--no-defaults", f"--socket={socket}", "--default-character-set=utf8mb4", "newapi"))
    finally:
        server.terminate()
        server.wait()


def wait(probe):
    for _ in range(300):
        try:
            return probe()
        except subprocess.CalledProcessError:
            time.sleep(0.1)
    raise SystemExit("the database does not answer")


sqlite()
postgres()
mariadb()
