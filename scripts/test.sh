#!/usr/bin/env bash
# Builds fovea and proves it: style, release build with warnings as errors,
# all tests, the tests again under sanitizers, the reference-only build, and
# failure torture. The last line is "N passed, N failed" (", N skipped").
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    style and the release build with its tests
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root" || exit 1

quick=0
case "${1-}" in
    '') ;;
    --quick) quick=1 ;;
    *) die "unknown option '$1'; expected --quick or nothing" ;;
esac

# as the program does for itself: on a busy machine threads that wait awake
# for each other make minutes of seconds
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT-2000}

need "${build_packages[@]}"
logs=$root/build-test/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
summary=()

# count NAME PASSED FAILED SKIPPED SECONDS
count() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    summary+=("$(printf '%-22s %5d passed %4d failed %4d skipped %5d s' "$@")")
}

# step NAME COMMAND...: one thing that passes or fails; exit code 77: skipped
step() {
    local name=$1 log="$logs/${1// /-}.log" start=$SECONDS code
    shift
    say "$name"
    "$@" >"$log" 2>&1
    code=$?
    case $code in
        0) count "$name" 1 0 0 $((SECONDS - start)) ;;
        77)
            tail -n 3 "$log"
            count "$name" 0 0 1 $((SECONDS - start))
            ;;
        *)
            tail -n 60 "$log"
            count "$name" 0 1 0 $((SECONDS - start))
            ;;
    esac
    return $code
}

# The number called $2 in the <testsuite> element of a junit file.
junit() {
    sed -n "s/.*[[:space:]]$2=\"\([0-9][0-9]*\)\".*/\1/p" "$1" | head -n 1
}

# tests NAME BUILD_FOLDER CTEST_OPTIONS...
tests() {
    local name=$1 dir=$2 start=$SECONDS xml log n f s d
    shift 2
    xml=$logs/${name// /-}.xml log=$logs/${name// /-}.log
    say "$name"
    rm -f "$xml"
    ctest --test-dir "$dir" --output-on-failure --output-junit "$xml" \
        --no-tests=error --timeout 600 -j "$jobs" "$@" 2>&1 | tee "$log"
    if [ ! -s "$xml" ]; then
        count "$name" 0 1 0 $((SECONDS - start))
        return 1
    fi
    n=$(junit "$xml" tests) f=$(junit "$xml" failures)
    d=$(junit "$xml" disabled) s=$(junit "$xml" skipped)
    s=$((${s:-0} + ${d:-0}))
    count "$name" $((${n:-0} - ${f:-0} - s)) "${f:-1}" "$s" \
        $((SECONDS - start))
}

# build PRESET FOLDER OPTIONS...
build() {
    local preset=$1 dir=$2
    shift 2
    cmake --preset "$preset" -B "$dir" -DFV_WERROR=ON "$@" &&
        cmake --build "$dir" -j "$jobs"
}

step "style" python3 tools/check_style.py
step "floors" python3 tools/check_floors.py
step "headers" tools/check_headers.sh

step "release build" build release build-test/release &&
    tests "release tests" build-test/release

if [ $quick -eq 0 ]; then
    # fewer points of torture: each one costs ten times as much here
    step "sanitizer build" build asan build-test/asan &&
        FV_TORTURE_RUNS=15 tests "sanitizer tests" build-test/asan -LE slow

    step "ref build" build ref build-test/ref &&
        tests "ref tests" build-test/ref -LE 'slow|torture'
fi

printf '\n'
printf '%s\n' "${summary[@]}"
line="$passed passed, $failed failed"
[ "$skipped" -gt 0 ] && line+=", $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
