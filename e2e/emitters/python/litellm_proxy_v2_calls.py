import litellm_proxy_calls  # noqa: F401 the same calls; the integration is chosen by the environment
