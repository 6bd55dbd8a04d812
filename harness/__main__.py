"""``python -m harness``, and ``semi-instruct``: the command line."""

import sys


def main() -> int:
    """Run the command line, and be as brief about Ctrl-C while it is being loaded as it is later.

    Returns:
        The exit status.
    """
    try:
        from harness import cli
    except KeyboardInterrupt:
        print("semi-instruct: interrupted", file=sys.stderr)
        return 130
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
