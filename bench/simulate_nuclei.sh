#!/bin/sh
# Low light from bright pictures: the fluorescence images of the dsb2018 folder
# as objects under a blur of 1.5 px and a camera with a background of 1 photon
# and a read noise of 1 electron.
#   bench/simulate_nuclei.sh DATA/dsb2018 OUT [FOVEA]
# OUT/learn/noisy, OUT/learn/clean, OUT/learn/split.csv: training and validation
# images, each with 4 to 128 photons where it is brightest; clean is sharp.
# OUT/SPLIT_P/noisy, clean: validation (val) and test images, each with
# P = 5, 10, 20, 50 photons; OUT/SPLIT/images, labels: as they were recorded.
set -eu
data=${1:?usage: bench/simulate_nuclei.sh DATA/dsb2018 OUT [FOVEA]}
out=${2:?usage: bench/simulate_nuclei.sh DATA/dsb2018 OUT [FOVEA]}
fovea=${3:-build/bin/fovea}
data=$(cd "$data" && pwd)
mkdir -p "$out/learn"

names() { # SPLIT: fluorescence images of a part
    tr -d '\r' < "$data/dsb2018.csv" |
        awk -F, -v s="$1" '$2 == "fluorescence" && $8 == s { print $1 }'
}

degrade() { # FOLDER PHOTONS SEED, names on standard input
    sed "s|.*|$data/images/&.png|" | xargs -r "$fovea" synth degrade \
        -o "$1" --photons "$2" --seed "$3" --psf-sigma 1.5 --background 1 \
        --read-noise 1 --gain 2 --offset 100 --clean sharp -q > /dev/null
}

{
    echo id,split
    names train | sed 's/$/,train/'
    names val | sed 's/$/,val/'
} > "$out/learn/split.csv"

level=0
for photons in 4 6 9 15 24 38 60 128; do
    sed '1d; s/,.*//' "$out/learn/split.csv" |
        awk -v l=$level 'NR % 8 == l' |
        degrade "$out/learn" $photons $((1000 * (level + 1)))
    level=$((level + 1))
done

for split in val test; do
    mkdir -p "$out/$split/images" "$out/$split/labels"
    for name in $(names $split); do
        ln -sf "$data/images/$name.png" "$out/$split/images/"
        ln -sf "$data/labels/$name.png" "$out/$split/labels/"
    done
    for photons in 5 10 20 50; do
        names $split | degrade "$out/${split}_$photons" $photons 9$photons
    done
done
