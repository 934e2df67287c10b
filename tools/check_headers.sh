#!/bin/sh
# Each public header compiles alone, in C11 and in C++17.
cd "$(dirname "$0")/.." || exit 1
bad=0
for h in include/fovea/*.h; do
    ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude \
        -fsyntax-only -x c "$h" || bad=1
    if command -v "${CXX:-c++}" >/dev/null; then
        ${CXX:-c++} -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude \
            -fsyntax-only -x c++ "$h" || bad=1
    fi
done
command -v "${CXX:-c++}" >/dev/null || echo "no C++ compiler: C11 only"
exit $bad
