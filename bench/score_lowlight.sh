#!/bin/sh
# What restoration does for counting: AP at IoU 0.5 of the nuclei found in low
# light, before and after it.
#   bench/score_lowlight.sh SIM MODEL [FOVEA] [SPLIT] [NUCLEI]
# SIM is what simulate_nuclei.sh wrote, MODEL restores, NUCLEI (default: the
# built-in nuclei) segments. Prints per number of photons and method TP, FP, FN
# and AP pooled; the filters are there with each of a few parameters.
set -eu
. "$(dirname "$0")/low_light.sh"
nuclei=${5:-nuclei}

count() { # PHOTONS NAME IMAGES
    rm -rf "$work/found"
    "$fovea" segment "$3" -o "$work/found" --model "$nuclei" --save labels \
        -q > /dev/null
    "$fovea" score segment "$work/found" "$work/labels" |
        awk -F'\t' -v p="$1" -v name="$2" '$1 == "0.50" {
            print p "\t" name "\t" $2 "\t" $3 "\t" $4 "\t" $8 }'
}

try() { # PHOTONS NAME OPTIONS...
    photons=$1 name=$2
    shift 2
    restored "$photons" "$@"
    for file in "$work"/out/*_restored.tif; do
        mv "$file" "${file%_restored.tif}.tif"
    done
    count "$photons" "$name" "$work/out"
}

ln -s "$(cd "$sim/$split/labels" && pwd)" "$work/labels"
printf 'photons\tmethod\ttp\tfp\tfn\tap\n'
for photons in 5 10 20 50; do
    count $photons noisy "$sim/${split}_$photons/noisy"
    for s in 1 2; do
        try $photons "gaussian $s" --method gaussian --sigma $s
    done
    try $photons "rl 4" --method rl --psf gaussian:1.5 --offset 100 \
        --iterations 4
    try $photons network --model "$model"
done
count recorded none "$sim/$split/images"
