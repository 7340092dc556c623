"""The renderer: reads tasks as lines of JSON, answers each with a line of JSON.

Started as ``python -m likewise.scenes.blender.worker SCRATCH SAMPLES THREADS`` by
:class:`likewise.scenes.blender_process.BlenderProcess`. It ends when its input ends.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer tasks until the input ends."""
    scratch, samples, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # Blender prints to file descriptor 1 from C; answers go through a copy, and Blender's output to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        import bpy
    except ImportError as error:
        _say(answers, {"missing": str(error)})
        return
    from likewise.scenes.blender.painter import BadTaskError, Painter

    painter = Painter(samples, threads, scratch)
    _say(answers, {"blender": bpy.app.version_string})
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = painter.do(json.loads(line))
        except BadTaskError as error:
            answer = {"error": str(error)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        _say(answers, answer)


def _say(answers: Any, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
