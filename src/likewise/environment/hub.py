"""Check whether pretrained weights can be downloaded from the Hugging Face hub."""

import os
import threading
import urllib.error
import urllib.request

TIMEOUT_S = 2.0
_ON = {"1", "ON", "YES", "TRUE"}


def hub_access(timeout_s: float = TIMEOUT_S) -> str:
    """One sentence: reachable, switched off, or offline; takes at most ``timeout_s`` seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _ON:
        return "switched off by HF_HUB_OFFLINE; only weights in the cache are used"
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(_ask(address, timeout_s)), daemon=True)
    asking.start()
    asking.join(timeout_s)  # the name lookup has no timeout of its own
    return answers[0] if answers else f"offline: no answer from {address} within {timeout_s:g} s"


def _ask(address: str, timeout_s: float) -> str:
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=timeout_s):
            return f"reachable ({address})"
    except urllib.error.HTTPError as error:
        return f"refused with status {error.code} ({address})"
    except (OSError, ValueError) as error:
        return f"offline: {address} cannot be reached ({getattr(error, 'reason', error)})"
