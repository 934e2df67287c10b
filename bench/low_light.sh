# What the scores of low light share, for `.`: arguments, and restoring a level.
sim=${1:?usage: $0 SIM MODEL [FOVEA] [SPLIT]}
model=${2:?usage: $0 SIM MODEL [FOVEA] [SPLIT]}
fovea=${3:-build/bin/fovea}
split=${4:-test}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

restored() { # PHOTONS OPTIONS...: the noisy images of a level, in $work/out
    noisy=$sim/${split}_$1/noisy
    shift
    rm -rf "$work/out"
    "$fovea" restore "$noisy" -o "$work/out" -q "$@" > /dev/null
}
