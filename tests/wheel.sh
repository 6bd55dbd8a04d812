#!/bin/bash
# `make test-wheel`: tests against the installed wheel, in a folder in which the checkout cannot be imported.
#
#     tests/wheel.sh BUILDER PYTHON FOLDER [ARGUMENT ...]
#
# BUILDER is the Python that builds the wheel, PYTHON that of the environment that it is installed into. FOLDER is made
# anew and holds the tests and the data that they read. The arguments are those of pytest.
set -eu
builder=$1 python=$(realpath --no-symlinks "$2") folder=$3
shift 3
rm -rf "$folder"
mkdir -p "$folder"
"$builder" -m build --no-isolation --outdir "$folder/dist" . > "$folder/build.log" 2>&1 ||
    { cat "$folder/build.log"; exit 1; }
"$builder" -m pip --python "$python" --disable-pip-version-check --quiet install --no-deps --force-reinstall \
    "$folder"/dist/*.whl
cp -r Makefile pyproject.toml docs examples seccomp tests "$folder"
cd "$folder"
# Without -P the folder would not be on sys.path for the helpers `tests.*`. The tests marked `checkout` read the sources.
exec "$python" -m pytest -p tests.installed_wheel -m "not checkout" "$@"
