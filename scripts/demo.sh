#!/usr/bin/env bash
# Builds fovea, then finds nuclei in two pictures: one that is simulated, so
# that the truth is known, and one real. Says where to look.
#
#   scripts/demo.sh [FOLDER]    results go to FOLDER (build/demo)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -le 1 ] || die "expected at most one folder"
case "${1-}" in
    -*) die "unknown option '$1'; expected a folder or nothing" ;;
esac
out=${1:-$root/build/demo}
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
cd "$root"

need "${build_packages[@]}"
say "Building fovea"
cmake --preset release >/dev/null
cmake --build build -j "$jobs" --target fovea_cli
fovea=$root/build/bin/fovea
[ -f models/nuclei.fovea ] ||
    die "models/nuclei.fovea is missing: is this a whole copy of fovea?"

# nuclei_in NAME prints how many rows the table of objects has
nuclei_in() { echo $(($(wc -l <"$out/$1_objects.csv") - 1)); }

# real_image prints the path of ihc.png, or fails. A Debian package ships it;
# it is taken out of the package, which need not be installed.
real_image() {
    local package=python3-skimage file cache=$out/cache
    local inside=usr/lib/python3/dist-packages/skimage/data/ihc.png
    file=$(dpkg -L $package 2>/dev/null | grep '/data/ihc\.png$') || file=
    if [ -z "$file" ] && [ ! -f "$cache/$inside" ]; then
        mkdir -p "$cache"
        (
            cd "$cache"
            rm -f $package*.deb
            if [ -z "$(apt-cache policy $package 2>/dev/null)" ]; then
                as_root apt-get update -q
            fi
            apt-get download -q $package
            dpkg-deb --fsys-tarfile $package*.deb | tar -x "./$inside"
            rm -f $package*.deb
        ) >"$cache/log" 2>&1 || return 1
    fi
    [ -n "$file" ] || file=$cache/$inside
    [ -f "$file" ] && echo "$file"
}

say "Simulating a field of nuclei"
"$fovea" synth -o "$out/simulated" --count 1 --seed 3 --force -q >/dev/null
say "Finding the nuclei in it"
"$fovea" segment "$out/simulated/images/field_001.tif" -o "$out" --force
say "Comparing with the truth"
"$fovea" score segment "$out/field_001_labels.tif" \
    "$out/simulated/labels/field_001.tif"

say "Finding the nuclei in a real image (a stained tissue section)"
real=0
if picture=$(real_image); then
    "$fovea" segment "$picture" -o "$out" --stain h-dab --force && real=1
else
    echo "skipped: the package python3-skimage, which has the image, could" \
        "not be downloaded"
fi

cat <<END

----------------------------------------------------------------------
fovea works. Open these pictures to see what it found:

  $out/field_001_overlay.png
      a simulated fluorescence image, $(nuclei_in field_001) nuclei found
END
[ $real -eq 1 ] && cat <<END
  $out/ihc_overlay.png
      a real tissue section, $(nuclei_in ihc) objects outlined in its blue stain
      (--stain h-dab). Dense tissue is hard: many nuclei are missed, and some
      outlines hold none. Look before you count.
END
cat <<END

Beside each are the label image (_labels.tif), the outlines for Fiji
(_rois.zip) and QuPath (.geojson), and a table of measurements that a
spreadsheet opens (_objects.csv).

With your own images:

  build/bin/fovea segment PATH/TO/*.tif -o results

Look at the overlays first. If nuclei are missed or cut into pieces,
say how wide one is, in pixels: --diameter 30
----------------------------------------------------------------------
END
