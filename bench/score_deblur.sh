#!/bin/sh
# Deblurring at low light: Richardson-Lucy and Wiener with the blur that was
# simulated, each with the parameter that is best on the truth of all images of
# a level, against a network.
#   bench/score_deblur.sh SIM MODEL [FOVEA] [SPLIT]
# SIM is what simulate_nuclei.sh wrote. Prints per number of photons and method
# the means over images: PSNR (range: that of the sharp truth), SSIM, NRMSE.
set -eu
. "$(dirname "$0")/low_light.sh"

# score PHOTONS NAME PARAMETERS FOLDER
score() {
    "$fovea" score restore "$4" "$sim/${split}_$1/clean" |
        awk -F'\t' -v p="$1" -v name="$2" -v how="$3" '/^mean of/ {
            print p "\t" name "\t" $2 "\t" $4 "\t" $6 "\t" how "\t" $1 }'
}

try() { # PHOTONS NAME OPTIONS...
    photons=$1 name=$2
    shift 2
    restored "$photons" "$@"
    score "$photons" "$name" "$*" "$work/out"
}

printf 'photons\tmethod\tpsnr_db\tssim\tnrmse\tbest\timages\n'
for photons in 5 10 20 50; do
    {
        score $photons noisy - "$sim/${split}_$photons/noisy"
        for s in 1 1.4 2 2.8; do
            try $photons gaussian --method gaussian --sigma $s
        done
        for b in 0.01 0.03 0.1 0.3 1 3; do
            try $photons wiener --method wiener --psf gaussian:1.5 \
                --balance $b
        done
        for i in 1 2 4 8; do
            try $photons rl --method rl --psf gaussian:1.5 --offset 100 \
                --iterations $i
            for tv in 0.02; do
                try $photons rl+tv --method rl --psf gaussian:1.5 \
                    --offset 100 --iterations $i --tv $tv
            done
        done
        try $photons network --model "$model"
    } > "$work/all.tsv"
    awk -F'\t' '
        !($2 in best) { method[++n] = $2 }
        !($2 in best) || $3 > best[$2] { best[$2] = $3; row[$2] = $0 }
        END { for (i = 1; i <= n; i++) print row[method[i]] }' "$work/all.tsv"
done
