"""The ASGI data plane."""
