#!/bin/sh
# Static analysis, for reading: clang-tidy (.clang-tidy) and cppcheck. Slow, so
# not a part of scripts/test.sh. Needs a configured build folder.
#   tools/check_static.sh [BUILD_FOLDER] [FILE...]
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
[ $# -gt 0 ] && shift
if [ ! -f "$build/compile_commands.json" ]; then
    echo "no $build/compile_commands.json; run cmake --preset release" >&2
    exit 2
fi
bad=0
if [ $# -eq 0 ]; then
    set -- $(find src cli -name '*.c' | sort)
fi
if command -v clang-tidy >/dev/null; then
    clang-tidy -p "$build" --quiet "$@" 2>/dev/null || bad=1
else
    echo "clang-tidy is not installed: skipped"
fi
if command -v cppcheck >/dev/null; then
    # invalidPointerCast: scratch is cut into floats, doubles and their bits
    cppcheck --enable=warning,portability --inline-suppr --quiet \
        --suppress=missingInclude --suppress=missingIncludeSystem \
        --suppress=invalidPointerCast \
        --error-exitcode=1 --std=c11 -Iinclude -Isrc "$@" || bad=1
else
    echo "cppcheck is not installed: skipped"
fi
exit $bad
