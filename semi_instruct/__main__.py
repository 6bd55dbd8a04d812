"""``python -m semi_instruct``, and ``semi-instruct``: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line.

    Ctrl-C while it is being imported prints one line, as it does later. So does a missing extra ``cli``.

    Returns:
        The exit status.
    """
    try:
        from semi_instruct.harness.cli import app
    except KeyboardInterrupt:
        print("semi-instruct: interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        from semi_instruct import extras

        extra = extras.extra_with(error)
        if extra is None:
            raise
        print(f"semi-instruct: {extras.message('the command line', extra)}", file=sys.stderr)
        return 2
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
