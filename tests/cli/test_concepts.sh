#!/bin/sh
# Every `fovea plan ...` of docs/concepts.md is answered.
#   test_concepts.sh FOVEA CONCEPTS.md
set -u
fovea=$1
failed=0
count=0
plans=$(grep -o '`fovea plan [^`]*`' "$2" | tr -d '`' | sed 's/^fovea //')
while read -r words; do
    count=$((count + 1))
    # shellcheck disable=SC2086 # the words of a command
    answer=$("$fovea" $words 2>&1) && case $answer in
        *parameters*) continue ;;
    esac
    echo "fovea $words: $answer"
    failed=$((failed + 1))
done << END
$plans
END
echo "$count plans, $failed failed"
[ "$count" -ge 20 ] && [ "$failed" -eq 0 ]
