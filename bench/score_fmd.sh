#!/bin/sh
# Denoising on the fields of the denoise_fmd folder, the first shot of each
# against the mean of fifty: for every filter the best of a few parameters,
# chosen per field on the truth itself, which flatters the filter; then models.
#   bench/score_fmd.sh DATA/denoise_fmd [FOVEA] [FIELDS] [NAME=MODEL...]
# FIELDS: names with commas, or "all". A MODEL with %s in its path is one per
# field. Prints PSNR (range 255), SSIM and FRC (period in px up to which answer
# and truth agree: less is finer) per field and method, then the means.
set -eu
data=${1:?usage: bench/score_fmd.sh DATA [FOVEA] [FIELDS] [NAME=MODEL...]}
fovea=${2:-build/bin/fovea}
fields=${3:-all}
shift $(($# < 3 ? $# : 3))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/noisy" "$work/gt"
for truth in "$data"/gt/*.png; do
    stem=$(basename "$truth" .png)
    case ",$fields," in
        ,all, | *,$stem,*) ;;
        *) continue ;;
    esac
    cp "$truth" "$work/gt/"
    cp "$data/noisy/${stem}_1.png" "$work/noisy/$stem.png"
done

# score NAME PARAMETERS FOLDER: rows of field, name, parameters and scores
score() {
    "$fovea" score restore "$3" "$work/gt" --range 255 |
        awk -F'\t' -v name="$1" -v how="$2" \
            'NR > 1 && $1 !~ /^(mean of|pooled)/ {
                print $1 "\t" name "\t" how "\t" $2 "\t" $4 "\t" $9 }'
}

restore() { # INPUT OPTIONS...
    rm -rf "$work/out"
    "$fovea" restore "$@" -o "$work/out" -q > /dev/null
}

try() { # NAME OPTIONS...
    name=$1
    shift
    restore "$work/noisy" "$@"
    score "$name" "$*" "$work/out"
}

try_model() { # NAME MODEL
    case $2 in
        *%s*)
            for image in "$work"/noisy/*.png; do
                stem=$(basename "$image" .png)
                # shellcheck disable=SC2059 # the path is the format
                restore "$image" --model "$(printf "$2" "$stem")"
                mkdir -p "$work/each"
                mv "$work"/out/* "$work/each"
            done
            score "$1" - "$work/each"
            rm -r "$work/each"
            ;;
        *)
            restore "$work/noisy" --model "$2"
            score "$1" - "$work/out"
            ;;
    esac
}

{
    score noisy - "$work/noisy"
    for s in 0.7 1 1.4 2 2.8 4; do
        try gaussian --method gaussian --sigma $s
    done
    for r in 1 2 3; do
        try median --method median --radius $r
    done
    for k in 0.8 1.2 1.8 2.7 4 6 9; do
        try nlm --method nlm --strength $k
        try nlm+stabilize --method nlm --stabilize --strength $k
        try bm3d --method bm3d --strength $k
        try bm3d+stabilize --method bm3d --stabilize --strength $k
    done
    for model; do
        try_model "${model%%=*}" "${model#*=}"
    done
} > "$work/all.tsv"

awk -F'\t' '
    { key = $1 "\t" $2 }
    !(key in psnr) || $4 > psnr[key] {
        psnr[key] = $4; ssim[key] = $5; frc[key] = $6; how[key] = $3
    }
    !($1 in field) { field[$1] = ++fields; name[fields] = $1 }
    !($2 in method) { method[$2] = ++methods; title[methods] = $2 }
    END {
        print "field\tmethod\tpsnr_db\tssim\tfrc_px\tbest"
        for (m = 1; m <= methods; m++)
            for (f = 1; f <= fields; f++) {
                key = name[f] "\t" title[m]
                print key "\t" psnr[key] "\t" ssim[key] "\t" frc[key] \
                    "\t" how[key]
                p[m] += psnr[key] / fields; s[m] += ssim[key] / fields
                r[m] += frc[key] / fields
            }
        for (m = 1; m <= methods; m++)
            printf "mean of %d\t%s\t%.2f\t%.4f\t%.2f\n", fields, title[m],
                p[m], s[m], r[m]
    }' "$work/all.tsv"
