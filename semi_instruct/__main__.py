"""``python -m semi_instruct``, and ``semi-instruct``: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line. Ctrl-C while it is being imported prints one line, as it does later.

    Returns:
        The exit status.
    """
    try:
        from semi_instruct.harness.cli import app
    except KeyboardInterrupt:
        print("semi-instruct: interrupted", file=sys.stderr)
        return 130
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
