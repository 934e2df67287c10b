#!/bin/sh
# Scores a model on the test split of the dsb2018 folder, by kind of stain.
#   bench/score_dsb2018.sh DATA/dsb2018 [MODEL] [FOVEA] [SPLIT]
# Prints one table per kind: n, TP, FP, FN, AP pooled over images and mean.
set -eu
data=${1:?usage: bench/score_dsb2018.sh DATA/dsb2018 [MODEL] [FOVEA] [SPLIT]}
model=${2:-nuclei}
fovea=${3:-build/bin/fovea}
split=${4:-test}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$(cd "$data" && pwd)

tr -d '\r' < "$data/dsb2018.csv" > "$work/table.csv"

link() { # kind pattern: links the images and labels of a kind
    mkdir -p "$work/$1/images" "$work/$1/labels"
    awk -F, -v s="$split" -v p="$2" 'NR > 1 && $8 == s && $2 ~ p {print $1}' \
        "$work/table.csv" | while read -r id; do
        ln -s "$data/images/$id.png" "$work/$1/images/$id.png"
        ln -s "$data/labels/$id.png" "$work/$1/labels/$id.png"
    done
}
link fluorescence '^fluorescence$'
link histology '^histology'
link brightfield '^brightfield'

for kind in fluorescence histology brightfield; do
    "$fovea" segment "$work/$kind/images" -o "$work/$kind/out" \
        --model "$model" --save labels -q > /dev/null
    echo "dsb2018 $split, $kind, model $model"
    "$fovea" score segment "$work/$kind/out" "$work/$kind/labels"
    echo
done
