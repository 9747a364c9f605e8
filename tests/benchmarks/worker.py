"""The measured side: one process an engine, which answers one request a line and sits still in between.

``python -m tests.benchmarks.worker MODULE``; ``MODULE.MEASURES`` maps names to functions. Each is called
with the request's keywords and returns a dict for JSON: ``seconds`` of CPU and ``count`` of items at least.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

__all__ = ["main"]


def main(module_name: str) -> None:
    """Serve until standard input ends."""
    # Libraries print: the protocol keeps its own descriptor, and what they say goes to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    measures = importlib.import_module(module_name).MEASURES
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = measures[request["measure"]](**request["given"])
        except Exception as error:  # noqa: BLE001  # whatever a peer raises is reported, and the run goes on
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
