"""Calls to a LiteLLM proxy that runs with the settings of examples/litellm; only the proxy is instrumented."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import yaml

import common

here = pathlib.Path(__file__).resolve()
config = yaml.safe_load((here.parents[3] / "examples" / "litellm" / "config.yaml").read_text())
provider = os.environ["PROVIDER"]
openai = {"api_base": provider + "/v1", "api_key": "test"}
config["model_list"] = [
    {"model_name": "gpt-4o-*", "litellm_params": {"model": "openai/gpt-4o-*", **openai}},
    {"model_name": "text-embedding-3-small", "litellm_params": {"model": "openai/text-embedding-3-small", **openai}},
    {"model_name": "claude-*", "litellm_params": {"model": "anthropic/claude-*", "api_base": provider, "api_key": "test"}},
]
config["router_settings"] = {"num_retries": 0, "disable_cooldowns": True}
pathlib.Path("config.yaml").write_text(yaml.safe_dump(config))

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
key = os.environ["LITELLM_MASTER_KEY"] = "sk-" + os.urandom(8).hex()
url = f"http://127.0.0.1:{port}"
log = open("proxy.log", "w+b")
proxy = subprocess.Popen(
    [str(pathlib.Path(sys.executable).parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
    stdout=log, stderr=subprocess.STDOUT,
)
try:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url + "/health/liveliness", timeout=1):
                break
        except OSError:
            if proxy.poll() is not None:
                break
            time.sleep(0.2)
    else:
        raise SystemExit("the proxy does not answer")
    os.environ["OPENAI_API_KEY"] = os.environ["ANTHROPIC_API_KEY"] = key
    os.environ["OPENAI_BASE_URL"], os.environ["ANTHROPIC_BASE_URL"] = url + "/v1", url
    common.openai_calls()
    common.anthropic_calls()
    time.sleep(3)  # the proxy writes its logs behind its answers
except BaseException:
    log.seek(0)
    print(log.read()[-20000:].decode(errors="replace"))
    raise
finally:
    proxy.send_signal(signal.SIGTERM)
    try:
        proxy.wait(30)
    except subprocess.TimeoutExpired:
        proxy.kill()
