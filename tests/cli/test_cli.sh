#!/bin/bash
# The program as people use it: exit codes, sentences, files.
#   test_cli.sh PATH-OF-FOVEA
set -u
fovea=$1
script=$(cd "$(dirname "$0")" && pwd)/test_cli.sh
here=$(mktemp -d)
trap 'chmod -R u+rwx "$here"; rm -rf "$here"' EXIT
cd "$here" || exit 1
tab=$(printf '\t')
passed=0 failed=0 skipped=0

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*"
    sed 's/^/    stdout: /' out.txt | head -5
    sed 's/^/    stderr: /' err.txt | head -5
}
skip() { skipped=$((skipped + 1)); echo "skipped: $*"; }

# run CODE WORDS ARGUMENTS...: the exit code, and words that stdout or stderr
# must hold ("" for none).
run() {
    local code=$1 words=$2
    shift 2
    "$fovea" "$@" --threads 1 >out.txt 2>err.txt </dev/null
    local got=$?
    if [ "$got" != "$code" ]; then
        bad "fovea $*: exit $got, expected $code"
    elif [ -n "$words" ] && ! grep -qF -- "$words" out.txt err.txt; then
        bad "fovea $*: does not say '$words'"
    else
        good
    fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then good; else bad "$what"; fi
}

lines() { [ "$(wc -l <"$1")" = "$2" ]; }

# npy NAME HEIGHT WIDTH: f4 numbers come from standard input.
npy() {
    local head="{'descr': '<f4', 'fortran_order': False, 'shape': ($2, $3), }"
    {
        printf '\223NUMPY\001\000\166\000%-117s\n' "$head"
        cat
    } >"$1"
}

# ---- help and usage ----

run 0 'fovea 0.1.0' --version
run 0 'Verbs:' --help
run 0 'Usage: fovea segment' help segment
run 0 '--model denoise-fluo' help restore
run 0 '--model blood-cells' help classify
run 0 'Usage: fovea train' train --help
run 0 '.TH FOVEA 1' help --man
run 0 'complete -o default -F _fovea fovea' help --completion
check 'completion is a script' bash -n out.txt
run 2 "unknown verb 'segmnt', did you mean 'segment'?" segmnt a.tif
run 2 "unknown option '--modle', did you mean '--model'?" segment a --modle b
run 2 "unknown option '--base-with'" plan unet --base-with 3
run 2 "did you mean '--threads'" models --thread 2
run 2 'wants a value' segment a.tif -o
run 2 'wants IMAGE' segment -o out
run 2 'out of range' segment a.tif -o out --tile -5
run 2 'is not a number' segment a.tif -o out --tile many
run 2 'is not a whole number' segment a.tif -o out --tile 1.5
run 2 'is not one of' segment a.tif -o out --precision f64
run 2 "-o FOLDER" segment a.tif
run 2 "'lables' is not one of" segment a.tif -o out --save lables
run 2 'one too many' models extra
run 2 'images' train -o run
run 2 'restore, classify' score clasify a b
"$fovea" >out.txt 2>err.txt
[ $? = 2 ] && good || bad 'no verb'

# threads wait briefly for each other, unless the user has said how long
spins() { OMP_DISPLAY_ENV=verbose "$@" 2>&1 | grep SPINCOUNT | tail -1; }
check 'threads wait briefly' grep -q "'2000'" \
    <(spins env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$fovea" help segment)
check 'GOMP_SPINCOUNT is obeyed' grep -q "'77'" \
    <(spins env GOMP_SPINCOUNT=77 "$fovea" help segment)

run 0 '"backend native":' doctor --json

# ---- plans ----

run 0 '900,030,000' plan linear --set in=30000,out=30000
run 0 '1,464' plan conv --set in=3,out=6,kernel=9
run 0 '1,464' plan conv --set in=3 --set out=6 --set=kernel=9
run 0 '"parameters": 1464' plan conv --set in=3,out=6,kernel=9 --json
run 0 'receptive field' plan unet --pitch 0.5 --train --tile 100
run 0 '61,100,840' plan alexnet --tile 224
run 0 '25,557,032' plan resnet --set depth=50 --train --tile 64
run 0 'f32[1,28,28,1]' plan lenet
run 0 'f32[1,64,64,1]' plan autoencoder
run 1 'side is 30, expected a multiple of 4' plan autoencoder \
    --set side=30,depth=2
wide='side=100,in=3,hidden=30000,out=10'
run 0 '900,330,010' plan mlp_image --set $wide
run 0 '3.6 GB of weights' plan mlp_image --set $wide --max-memory 4000
run 1 'MB of memory, the limit is 1000.0 MB' \
    plan mlp_image --set $wide --max-memory 1000
run 0 '"packed_bytes": 0' plan mlp_image --set $wide --json
run 0 '11,250' plan mlp_image --set hidden=14-10,side=28
run 1 'unet' plan unett
run 1 "unknown option 'dpth', nearest is 'depth'" plan unet --set dpth=3
run 1 'is not key=value' plan unet --set depth

# ---- weights of other programs ----

golden=$(dirname "$script")/../golden
run 0 '226 parameters' convert "$golden/dncnn.pth" d.fovea --arch dncnn \
    --set depth=4,width=3,batch_norm=0 --task restore \
    --normalize mean_std --deviation 255
run 0 'good' check d.fovea
run 0 'converted_from' info d.fovea --json
run 1 'exists, --force replaces it' convert d.fovea d.fovea
run 0 '' convert d.fovea d16.fovea --weights bf16
run 2 'leave out --title TEXT' convert d.fovea e.fovea --title X
run 2 'leave out --arch TEXT' convert d.fovea e.fovea --arch unet --weights f16
check '16 bits are shorter' test "$(wc -c <d16.fovea)" -lt "$(wc -c <d.fovea)"
run 2 'weights alone are no model' convert "$golden/dncnn.pth" e.fovea
run 1 "has no tensor 'down0.conv1.weight'" convert "$golden/dncnn.pth" e.fovea \
    --arch unet --task segment
run 1 'target boundary has 3 maps' convert "$golden/unet.pth" e.fovea \
    --arch unet --set base=2,depth=1,convs=1,batch_norm=0,up=transpose \
    --task segment --target boundary
run 2 'weights alone are no model' convert "$golden/dncnn.pth" e.fovea \
    --arch dncnn
run 2 'expected a name with .fovea' convert "$golden/dncnn.pth" e.pth
printf 'PK\003\004not an archive' >bad.pth
run 1 'is no whole zip archive' convert bad.pth e.fovea --arch unet \
    --task restore
check 'nothing half written' test ! -e e.fovea

# ---- images to work on, a model made of them ----

run 0 'field_002.tif' synth -o s --count 2 --size 128 --nuclei 12 --pitch 0.5
check 'images' test -f s/images/field_001.tif -a -f s/labels/field_002.tif
run 1 'exists, --force replaces it' synth -o s --size 64
run 0 '' synth -o t --count 2 --size 128 --nuclei 12 --pitch 0.5
check 'same seed, same bytes' cmp s/images/field_002.tif t/images/field_002.tif
run 0 "pitch${tab}y 0.5 um" info s/images/field_001.tif
train="train --task segment --images s/images --labels s/labels
    --config base=4,depth=1 --crop 64 --epochs 2 --steps 5 --batch 1
    --val-fraction 0.5 --test-fraction 0 --warmup 1"
run 0 "best epoch$tab" $train -o run
for file in run.json history.csv progress.svg model.fovea last.ckpt; do
    check "run/$file" test -s run/$file
done
run 1 '--resume goes on' $train -o run
for file in history.csv progress.svg model.fovea last.ckpt; do
    mkdir kept-$file
    ln -s nowhere kept-$file/$file
    run 1 "holds $file of a run already" $train -o kept-$file
done
run 0 "epochs${tab}2" train -o run --resume
check 'a finished run says so' grep -q 'nothing is left to train' err.txt
printf '[]' >odd.json
run 1 'odd.json: is not the run.json of a run' train --like odd.json -o run2
printf '{"options": {"crop": 0}}' >odd.json
run 2 'odd.json: crop: 0 is out of range' train --like odd.json -o run2
printf '{"options": {"images": 7}}' >odd.json
run 1 "odd.json: option 'images' is not text" train --like odd.json -o run2
run 0 '"best_epoch"' train --like run/run.json -o run2 --json
check 'the same run again gives the same model' \
    cmp run/model.fovea run2/model.fovea
run 1 'nolabels' $train -o run3 --labels nolabels
run 0 "target${tab}boundary" info run/model.fovea
run 0 "diameters$tab" info run/model.fovea
cp run/model.fovea other.safetensors
run 0 "target${tab}boundary" info other.safetensors
run 0 'good' check run/model.fovea
run 0 '"good": true' check run/model.fovea --json
run 0 'parameters' plan run/model.fovea --tile 64
run 0 'AP at IoU 0.5' tune --model run/model.fovea --images s/images \
    --labels s/labels -o tuned.fovea --weights f16
run 0 'good' check tuned.fovea
run 1 'exists, --force' tune --model run/model.fovea --images s/images \
    --labels s/labels -o tuned.fovea
run 0 "diameter${tab}off by" tune --model run/model.fovea --images s/images \
    --labels s/labels --size-images s/images --size-labels s/labels \
    --augment flips -o sized.fovea
run 0 "views${tab}4" info sized.fovea
run 0 '' tune --model nuclei -o half.fovea --weights f16
run 1 'cannot open' tune --model nuclei --card none.json
run 0 "target${tab}flows" train --images s/images --labels s/labels \
    --init nuclei -o begun --crop 64 --epochs 1 --steps 1 --batch 1
run 0 '' train --images s/images --labels s/labels --init run/model.fovea \
    --config depth=2 -o deeper --crop 64 --epochs 1 --steps 1 --batch 1
run 0 'depth=2' info deeper/model.fovea
run 1 'nuclei: is a unet, expected cpnet' train --images s/images \
    --labels s/labels --init nuclei --arch cpnet -o lost
run 1 'nuclei: takes 3 channels, expected 1' train --images s/images \
    --labels s/labels --init nuclei --channels 1 -o lost
run 1 'no layer of run/model.fovea fits' train --images s/images \
    --labels s/labels --init run/model.fovea --config base=3 -o lost
run 1 "no model 'nosuch'" train --images s/images --labels s/labels \
    --init nosuch -o lost
run 0 'estimated by --diameter auto' info sized.fovea

# ---- segment ----

m="--model run/model.fovea"
run 0 'field_001.tif' segment s/images -o out $m
check 'one line per image' lines out.txt 2
for end in _labels.tif _overlay.png _rois.zip .geojson _objects.csv; do
    check "field_001$end" test -s out/field_001$end
done
check 'no maps unasked' test ! -e out/field_001_maps.tif
run 1 'exists, --force replaces it' segment s/images/field_001.tif -o out $m
run 0 '' segment s/images -o out $m --force
run 0 '' segment s/images/field_002.tif s/images s/images/field_001.tif \
    -o out7 $m --save labels
check 'each once, as named first' test "$(cut -f 1 out.txt | tr '\n' ' ')" = \
    's/images/field_002.tif s/images/field_001.tif '
run 0 '' segment 's/images/*_00?.tif' -o out2 $m --save labels --save maps
check 'maps' test -s out2/field_002_maps.tif -a ! -e out2/field_002.geojson
check 'same pixels' cmp out/field_001_labels.tif out2/field_001_labels.tif
run 0 '' segment s/images -o out4 --model sized.fovea --save labels \
    --diameter refine --augment none
check 'its diameter behind each image' test "$(awk 'NF == 4' out.txt | wc -l)" \
    -eq 2
run 0 '"diameter"' segment s/images -o out5 $m --save csv --json --diameter auto
run 2 'is not a number' segment s/images -o out6 $m --diameter large
run 2 'is not one of' segment s/images -o out6 $m --augment twice
run 1 'in RGB images, this one has 1 channels' segment \
    s/images/field_001.tif -o out6 $m --stain h-dab
run 0 '"outputs"' segment s/images -o out3 $m --json --save csv
run 0 "iou${tab}tp${tab}fp${tab}fn" score segment out s/labels
run 0 '"n": 2' score segment out s/labels --json
run 0 '1.0000' score segment s/labels s/labels
run 0 "boundary_f" score segment out s/labels --objects fates.csv
check 'the fate of each object' grep -q '^field_001,truth,1,[0-9]*,[a-z]*,' \
    fates.csv
run 1 'exists' score segment out s/labels --objects fates.csv
run 0 '"aji"' score segment out s/labels --json --iou 0.7 --tolerance 1.5
run 2 'out of range' score segment out s/labels --iou 0
run 0 "true objects${tab}0" score segment out s/labels --min-area 100000
run 0 '' synth -o large --count 1 --size 2048
for i in $(seq 200); do
    ln -s "$here/large/labels/field_001.tif" "large/labels/copy_$i.tif"
    ln -s "$here/large/images/field_001.tif" "large/images/copy_$i.tif"
done
for task in segment restore; do
    kind=images
    [ $task = segment ] && kind=labels
    timeout -s TERM 1 "$fovea" score $task large/$kind large/$kind \
        --threads 1 >out.txt 2>err.txt
    check "a stopped score of task $task says so" grep -q canceled err.txt
    check "once" lines err.txt 1
done
run 0 'psnr_db' score restore s/images s/images
mkdir truth restored
head -c 16384 /dev/zero | npy truth/black.npy 64 64
head -c 16384 /dev/zero | tr '\000' '?' | npy restored/black.npy 64 64
cp s/images/field_001.tif truth
cp s/images/field_002.tif restored/field_001.tif
run 0 "black${tab}-${tab}-${tab}-${tab}-${tab}-${tab}0.74" \
    score restore restored truth
check 'a constant truth counts for no mean' test -z "$(grep inf out.txt)"
check 'the mean is that of the other' test \
    "$(awk '/^field_001/ { print $2 }' out.txt)" = \
    "$(awk '/^mean/ { print $4 }' out.txt)"
run 0 "black${tab}2.5" score restore restored truth --range 1
run 0 'label,area,centroid-0' measure s/images/field_001.tif \
    s/labels/field_001.tif
run 0 '' measure s/images/field_001.tif s/labels/field_001.tif -o o.csv
check 'nothing but the file' cmp out.txt /dev/null
check 'the table' grep -q centroid o.csv
run 1 'exists' measure s/images/field_001.tif s/labels/field_001.tif -o o.csv
run 0 '"eccentricity"' measure s/images/field_001.tif s/labels/field_001.tif \
    -o both.csv --json
check 'the table and JSON' cmp o.csv both.csv
mkfifo pipe.csv
ln -s nowhere link.csv
of="measure s/images/field_001.tif s/labels/field_001.tif -o"
run 1 'pipe.csv exists, --force replaces it' $of pipe.csv
run 1 'pipe.csv: is a device or a pipe' $of pipe.csv --force
check 'the pipe stays' test -p pipe.csv
run 1 'link.csv exists, --force replaces it' $of link.csv

# ---- restoration by networks ----

run 1 'targets' train --task restore --images s/images -o rn
run 1 "'mea' is unknown, expected a sum of mae" train --task restore \
    --images s/images --targets s/images -o rn --loss mea
run 1 'goes with loss perceptual' train --task restore --images s/images \
    --targets s/images -o rn --feature-model nuclei
run 0 "best epoch$tab" train --task restore --images s/images --targets \
    s/images -o rn --config base=4,depth=1 --crop 32 --epochs 1 --steps 3 \
    --batch 1 --val-fraction 0.5 --test-fraction 0 --loss laplace
check 'no threshold of objects' test -z "$(grep threshold out.txt)"
check 'PSNR per epoch' grep -q val_psnr rn/history.csv
run 0 "uncertainty${tab}yes" info rn/model.fovea
run 0 'good' check rn/model.fovea
r="--model rn/model.fovea"
run 0 'field_001.tif' restore s/images -o rest $r
check 'one line per image' lines out.txt 2
check 'nothing else' test -s rest/field_001_restored.tif -a \
    ! -e rest/field_001_residual.tif
run 0 "pitch${tab}y 0.5 um" info rest/field_002_restored.tif
run 0 "type${tab}f32" info rest/field_002_restored.tif
run 1 'exists, --force replaces it' restore s/images/field_001.tif -o rest $r
run 0 '' restore s/images/field_001.tif -o restviews $r --augment all
check 'views change what is restored' \
    test "$(cksum <rest/field_001_restored.tif)" != \
    "$(cksum <restviews/field_001_restored.tif)"
run 0 '"uncertainty"' restore s/images/field_001.tif -o rest2 $r --json \
    --save restored,uncertainty,residual --tile 64
check 'uncertainty' test -s rest2/field_001_uncertainty.tif
check 'residual' test -s rest2/field_001_residual.tif
run 0 'psnr' score restore rest s/images
run 2 "'labels' is not one of restored, uncertainty" restore s/images -o x $r \
    --save labels
run 2 '-o FOLDER' restore s/images $r
run 2 'how?' restore s/images -o x
run 2 'not both' restore s/images -o x $r --method median
run 1 "is for 'segment', not 'restore'" restore s/images -o x $m
run 1 "is for 'restore', not 'segment'" segment s/images -o x $r
run 3 'missing.tif' restore missing.tif s/images/field_001.tif -o rest3 $r

# ---- classify ----

mkdir -p k/a k/b
cp s/images/field_001.tif k/a/x1.tif
cp s/images/field_002.tif k/a/x2.tif
cp s/labels/field_001.tif k/b/y1.tif
cp s/labels/field_002.tif k/b/y2.tif
run 0 "best epoch$tab" train --task classify --images k --val-images k -o kn \
    --config base=4,depth=1 --crop 32 --epochs 2 --steps 4 --batch 2
check 'balanced accuracy per epoch' grep -q val_balanced_accuracy kn/history.csv
run 0 "classes${tab}a${tab}b" info kn/model.fovea
run 0 'good' check kn/model.fovea
k="--model kn/model.fovea"
run 0 "file${tab}class${tab}a${tab}b" classify k/a k/b $k
check 'a head and one line per image' lines out.txt 5
cp out.txt classes.tsv
run 0 'balanced_accuracy' score classify classes.tsv k
run 0 '"calibration_error"' score classify classes.tsv k --json
run 0 '' score classify classes.tsv k --roc roc.csv --calibration bins.csv
check 'from 0, 0' grep -qx 'a,inf,0.000000,0.000000' roc.csv
check 'to 1, 1' grep -q '^b,.*,1.000000,1.000000$' roc.csv
check 'bins of probability' grep -q '^0\.[0-9]*,[01]\.[0-9]*,[1-4],' bins.csv
run 1 'roc.csv exists' score classify classes.tsv k --roc roc.csv
printf 'id,class\nx1,a\nx2.tif,a\ny1,b\ny2,b\n' >truth.csv
run 0 "images${tab}4" score classify classes.tsv truth.csv
printf '"id","class"\n"x1","a"\nx2,a\ny1,b\ny2,b' >truth.csv
run 0 "images${tab}4" score classify classes.tsv truth.csv
for text in abc nan 2 ''; do
    awk -v text="$text" -F'\t' -v OFS='\t' \
        'NR == 3 { $4 = text } { print }' classes.tsv >odd.tsv
    run 3 "odd.tsv: row 3: '$text' is not a probability" \
        score classify odd.tsv truth.csv
done
printf 'id,class\nx1,a\nx2,c\ny1,b\ny2,b\n' >truth.csv
run 3 "of class 'c'" score classify classes.tsv truth.csv
run 1 'not a table' score classify truth.csv truth.csv
run 0 "class_1${tab}probability_1" classify k/a $k --top 1 --embedding e.csv
check 'embedding' lines e.csv 3
run 1 'exists, --force' classify k/a $k --embedding e.csv
run 0 '"probability"' classify k/a $k --json --embedding e.npy
check 'embedding as numbers' test -s e.npy
run 1 'neither .npy nor .csv' classify k/a $k --embedding e.txt
{
    printf '\000\000\010\003\000\000\000\002\000\000\000\003\000\000\000\004'
    printf 'abcdefghijklABCDEFGHIJKL'
} >t10k-images-idx3-ubyte
printf '\000\000\010\001\000\000\000\002\000\001' >t10k-labels-idx1-ubyte
run 0 "t10k-00001$tab" classify t10k-images-idx3-ubyte $k
sed "1s/${tab}a${tab}b/${tab}0${tab}1/" out.txt >digits.tsv
run 0 "images${tab}2" score classify digits.tsv t10k-labels-idx1-ubyte
cp t10k-labels-idx1-ubyte wrong-images-idx3-ubyte
run 1 'has 1 extents, expected 3' classify wrong-images-idx3-ubyte $k
run 2 'with which model' classify k/a
printf '{"title": "two kinds"}' >card.json
run 0 '' tune $k --output small.fovea --card card.json --weights f16
run 0 'two kinds' info small.fovea
run 0 'good' check small.fovea
run 2 'or --size-images, --card or --output alone' tune $k
run 1 "is for 'restore', not 'classify'" classify k/a $r
run 3 'missing.png' classify k/a missing.png $k

# ---- embed ----

run 0 "best epoch$tab" train --task embed --images k --val-images k -o em \
    --config base=4,depth=2,bottleneck=3 --crop 32 --epochs 2 --steps 4 \
    --batch 2
check 'explained variance per epoch' grep -q val_explained em/history.csv
run 0 "task${tab}embed" info em/model.fovea
run 0 'good' check em/model.fovea
e="--model em/model.fovea"
run 0 "images${tab}4" embed k/a k/b $e -o map.png --csv map.csv --size 200 \
    --thumbnail 20
check 'folders have colors' grep -qx "folder${tab}b${tab}2${tab}sky blue" \
    out.txt
check 'a head and one place per image' lines map.csv 5
check 'the path, x and y' grep -q '^k/b/y2.tif,[-0-9.e]*,[-0-9.e]*$' map.csv
run 0 '200' info map.png
run 1 'map.png exists, --force' embed k/a $e -o map.png
run 1 'map.csv exists, --force' embed k/a $e -o map2.png --csv map.csv
run 0 '"nearest_in_the_same_folder"' embed k/a k/b $k -o kinds.png --json
run 0 "shown${tab}0" embed k/a $e -o dots.png --thumbnail 0
run 0 "images${tab}2" embed t10k-images-idx3-ubyte $e -o digits.png
run 3 'missing.png' embed k/a missing.png $e -o map3.png
run 1 'embed or classify' embed k/a $r -o map4.png
run 2 'with which model' embed k/a -o map4.png
run 2 'where to' embed k/a $e
run 2 'do not fit on a map of 64' embed k/a $e -o map4.png --size 64 \
    --thumbnail 65
run 1 "has no bottleneck" train --task embed --images k -o en --arch unet \
    --crop 32

# ---- restoration by filters ----

run 2 'is not one of' restore s/images/field_001.tif -o r --method magic
run 2 'needs a point spread' restore s/images/field_001.tif -o r --method rl
run 2 '--volume goes with --method gaussian' restore s/images/field_001.tif \
    -o r --method nlm --volume
run 2 '--augment goes with --model' restore s/images/field_001.tif -o r \
    --method bm3d --augment flips
run 2 '--pitch-z goes with --method wiener or rl, leave it out with --model' \
    restore s/images/field_001.tif -o r $r --pitch-z 2
for method in gaussian median nlm bm3d 'bm3d --stabilize'; do
    run 0 'field_002.tif' restore s/images -o r --force --method \
        $method
done
run 0 "type${tab}f32" info r/field_001_restored.tif
run 0 "pitch${tab}y 0.5 um" info r/field_001_restored.tif
run 0 'mean of 2' score restore r s/images
run 1 'exists, --force replaces it' restore s/images -o r --method median
run 3 'nothere' restore s/images/field_001.tif nothere.tif -o r2 \
    --method median
for sigma in 2,3 1,2, '' 1,2,3,4 65 1x; do
    run 1 "gaussian:$sigma: expected" restore s/images/field_001.tif -o r3 \
        --method wiener --psf "gaussian:$sigma"
done
run 0 '"noise"' info s/images/field_001.tif --noise --offset 100 --json
run 0 'counts per electron' info s/images/field_001.tif --noise
run 2 'is not ' synth degraded s/images -o d
run 2 'wants IMAGE' synth degrade -o d
run 0 'field_002.tif' synth degrade s/images -o d --photons 50 --binning 2
run 0 '(Y 64, X 64)' info d/noisy/field_001.tif
run 0 "pitch${tab}y 1 um" info d/clean/field_001.tif
run 1 'exists' synth degrade s/images -o d --photons 50
mkdir -p half/clean/field_001.tif half/labels/field_001.tif
run 1 'clean/field_001.tif exists' synth degrade s/images/field_001.tif -o half
check 'no picture alone' test -z "$(ls half/noisy)"
run 1 'clean/field_001.tif: is a folder' synth degrade s/images/field_001.tif \
    -o half --force
check 'nor when the other fails' test -z "$(ls half/noisy)"
run 1 'labels/field_001.tif exists' synth -o half --size 64
run 1 'labels/field_001.tif: is a folder' synth -o half --size 64 --force
check 'no image without labels' test -z "$(ls half/images)"
run 0 '' synth degrade s/images -o d2 --photons 50 --binning 2
check 'same picture' cmp d/noisy/field_002.tif d2/noisy/field_002.tif
if "$fovea" doctor 2>&1 | grep -q "Fourier transforms${tab}yes"; then
    run 0 '' restore s/images/field_001.tif -o r3 --method wiener \
        --psf gaussian:1.3
    run 0 '' restore s/images/field_001.tif -o r4 --method rl --psf airy \
        --iterations 3 --tv 0.002 --offset 100
    run 1 'has no z axis' restore s/images/field_001.tif -o r5 --method rl \
        --psf gaussian:1,1,1
    run 0 '' synth degrade s/images -o d3 --psf gibson-lanni --clean sharp
    head -c 4096 /dev/zero | npy plain.npy 32 32
    run 1 'pixel pitch' restore plain.npy -o r6 --method rl --psf airy
else
    skip 'deconvolution (built without FFTW)'
fi

# ---- names that would break a table ----

line=$(printf 'a\tb\nc\\,.tif')
cp s/images/field_001.tif "$line"
told='a\tb\nc\\,.tif'
run 0 "$told${tab}" segment "$line" -o line $m
run 0 "$told${tab}" restore "$line" -o line $r
run 0 "$told" synth degrade "$line" -o line
run 0 "$told${tab}" classify "$line" $k --embedding line.csv
check 'a head and one line' lines out.txt 2
check 'quoted in CSV' grep -q '^c\\,.tif",' line.csv
mkdir odd_class && mkdir odd_class/a && mv "$line" odd_class/a
run 0 '' classify odd_class/a $k
cp out.txt line.tsv
run 0 "images${tab}1" score classify line.tsv odd_class
sed "1s/${tab}a${tab}b/${tab}a,a${tab}b/" classes.tsv >comma.tsv
printf 'id\tclass\nx1\ta,a\nx2\ta,a\ny1\tb\ny2\tb\n' >comma_truth.tsv
run 0 "images${tab}4" score classify comma.tsv comma_truth.tsv --roc comma.csv
check 'a class is one field' grep -q '^"a,a",inf,' comma.csv

# ---- names that are not UTF-8 ----

odd=$(printf 'caf\351.tif')
shown=$(printf 'caf\357\277\275')
cp s/images/field_001.tif "$odd"
run 0 "\"file\": \"$shown.tif\"" info "$odd" --json
run 0 "\"file\": \"$shown.tif\"" classify "$odd" $k --json
run 0 "\"file\": \"$shown.tif\"" embed "$odd" $e -o odd.png --json
run 0 "\"odd/${shown}_labels.tif\"" segment "$odd" -o odd $m --json
run 0 "\"odd/${shown}_restored.tif\"" restore "$odd" -o odd $r --json
mkdir odd_truth && cp s/labels/field_001.tif odd_truth/"$odd"
run 0 "\"name\": \"$shown\"" score segment odd odd_truth --json
run 0 "\"file\": \"$shown.tif\"" synth degrade "$odd" -o odd --json
run 1 "\"file\": \"$shown.tif\"" segment "$odd" -o odd $m --json

# ---- bad input ----

run 1 'missing.tif' segment missing.tif -o bad $m
run 3 'missing.tif' segment missing.tif s/images/field_001.tif -o bad1 $m
check 'the other is done' test -s bad1/field_001_labels.tif
run 1 'no file matches' segment '*.nothing' -o bad $m
run 1 "there is no model 'nuclie'" segment s/images -o bad --model nuclie
run 1 'none.fovea' segment s/images -o bad --model none.fovea
run 1 'no step of this network' segment s/images -o bad $m --precision bf16
head -c 32768 /dev/zero | npy two.npy '2, 64' 64
run 1 'choose one channel with --channel N' segment two.npy -o bad $m
run 0 '' restore two.npy -o named --method median
LC_ALL=C sed -i -e 's/0:0" SamplesPerPixel="1"/0:0" Name="DAPI"        /' \
    -e 's/0:1" SamplesPerPixel="1"/0:1" Name="GFP"         /' \
    named/two_restored.tif
run 1 '--channel N (1 DAPI, 2 GFP)' segment named/two_restored.tif -o bad $m
run 1 '--channel N (1 DAPI, 2 GFP)' classify named/two_restored.tif $k
run 0 '' segment named/two_restored.tif -o bad $m --channel 2
run 1 'is no channel 3' segment s/images -o bad $m --channel 3
mkdir empty
run 1 'no images in the folder' segment empty -o bad $m
run 1 '"error": "no file matches"' segment '*.nothing' -o bad $m --json
run 3 '"error": "there are no images in the folder"' restore empty \
    s/images/field_001.tif -o bad $r --json
run 3 '"file": "missing.tif"' restore missing.tif s/images/field_002.tif \
    -o bad $r --json
cp -r s/images other
run 3 'would write the same files' segment s/images other/field_001.tif \
    -o bad2 $m
size=$(wc -c <run/model.fovea)
for n in 0 4 8 100 2000 $((size / 2)) $((size - 1)); do
    head -c $n run/model.fovea >cut.fovea
    run 1 'cut.fovea' segment s/images -o bad --model cut.fovea
    run 1 'cut.fovea' check cut.fovea
done
head -c 1000 s/images/field_001.tif >cut.tif
run 1 'cut.tif' segment cut.tif -o bad $m
echo 'no picture' >text.png
run 1 'text.png' info text.png
run 1 'text.png' segment text.png -o bad $m
head -c 4 /dev/zero | npy one.npy 1 1
run 0 'one.npy' segment one.npy -o tiny $m
head -c 60 /dev/zero | npy line.npy 1 15
run 0 "line.npy${tab}0" segment line.npy -o tiny $m
head -c 16384 /dev/zero | npy flat.npy 64 64
run 0 "flat.npy${tab}0" segment flat.npy -o tiny $m
check 'constant is told' grep -q 'the same value' err.txt
{
    head -c 8000 /dev/zero
    printf '\000\000\300\177\000\000\200\177'
    head -c 8376 /dev/zero
} | npy nan.npy 64 64
run 0 "noise 1${tab}cannot be told" info flat.npy --noise
run 0 '"sigma": null' info line.npy --noise --json
run 0 '2 pixels are not numbers' segment nan.npy -o tiny $m
run 0 'label,area' measure one.npy tiny/one_labels.tif
run 1 '128 x 128 px' measure flat.npy s/labels/field_001.tif
run 1 'no image of' score segment empty s/labels
run 1 'missing' score segment missing s/labels
mkdir part
cp out/field_001_labels.tif part
run 3 'has no prediction' score segment part s/labels
mkdir nolab
cp s/labels/field_001.tif nolab
run 1 'field_002' $train -o run4 --labels nolab
cp flat.npy nolab/field_002.npy
run 1 'field_002' $train -o run4 --labels nolab
: >file
run 1 'file' segment s/images -o file/out $m

if [ "$(id -u)" = 0 ]; then
    skip 'unreadable folder (root reads everything)'
else
    mkdir locked
    chmod 000 locked
    run 3 'locked' segment locked s/images/field_001.tif -o bad3 $m
fi

# Ctrl-C between many images
run 0 '' synth -o wide --size 1024 --nuclei 9
mkdir many
for i in $(seq 20); do cp wide/images/field_001.tif many/$i.tif; done
"$fovea" synth degrade many -o stopped --psf-sigma 50 --threads 1 \
    >out.txt 2>err.txt &
for i in $(seq 600); do
    [ -e stopped/clean/1.tif ] && break
    sleep 0.1
done
kill -TERM $!
wait $!
[ $? = 3 ] && good || bad 'canceled: exit code'
check 'it is told once' test "$(grep -c canceled err.txt)" = 1
check 'of one image' lines err.txt 1

# a disk that takes no more than 1 kB per file
(
    trap '' XFSZ
    ulimit -f 1
    "$fovea" segment s/images/field_001.tif -o full $m --threads 1 \
        2>err.txt | cat >/dev/null
    exit "${PIPESTATUS[0]}"
)
[ $? = 1 ] && good || bad 'full disk: exit code'
check 'a sentence about it' test -s err.txt
check 'nothing half-written' test -z "$(ls full)"
"$fovea" help >/dev/full 2>err.txt
[ $? = 1 ] && good || bad 'full standard output'
"$fovea" plan unet --max-memory 0.0001 >out.txt 2>err.txt
[ $? = 1 ] && good || bad 'memory limit'

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
