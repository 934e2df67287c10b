#!/bin/sh
# Scores a model on the test images of BBBC039 that show no field of the 2018
# Data Science Bowl: all objects, then those from 20 px on.
#   bench/score_bbbc039.sh DATA/bbbc039 [MODEL] [FOVEA]
set -eu
data=${1:?usage: bench/score_bbbc039.sh DATA/bbbc039 [MODEL] [FOVEA]}
model=${2:-nuclei}
fovea=${3:-build/bin/fovea}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$(cd "$data" && pwd)

mkdir "$work/images" "$work/labels"
awk -F, 'FNR == 1 {files++; next} files == 1 {shown[$3]}
    files == 2 && $2 == "test" && $7 + 0 && !($1 in shown) {print $1}' \
    "$data/overlap_dsb2018.csv" "$data/bbbc039.csv" |
    while read -r id; do
        ln -s "$data/images/$id.png" "$work/images/$id.png"
        ln -s "$data/labels/$id.png" "$work/labels/$id.png"
    done
"$fovea" segment "$work/images" -o "$work/out" --model "$model" \
    --save labels -q > /dev/null
for least in 0 20; do
    echo "BBBC039 test, objects from $least px on, model $model"
    "$fovea" score segment "$work/out" "$work/labels" --min-area $least
    echo
done
