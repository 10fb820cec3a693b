#!/usr/bin/env bash
# What half an hour of one GPU is worth most for, in that order.
#
#   bench/gpu_day.sh pack PACKS                where the pipeline is, with FERPlus prepared (docs/data.md)
#   bench/gpu_day.sh run PACKS CELLS SECONDS   where the GPU is: PyTorch, torchvision, pydantic, jaxtyping, safetensors, psutil, filelock
#   bench/gpu_day.sh collect CELLS OUT         there: everything but weights and features, in parts of 15 MB
#   bench/gpu_day.sh pages OUT CELLS TO        back at the pipeline: unpacked, and a page for each step
#
# --dry-run before the rest only says what would be run. A step that was interrupted goes on where it stopped.
# DATASET, EXTRA (more arguments of `clfer experiment`), ROUNDS and COMPILE make it small enough to try on a CPU:
#   export DATASET=demo ROUNDS=1 COMPILE= \
#     EXTRA="--seeds 0 -S train.epochs=1 -S train.batch_size=32 -S datasets.demo.recipe.backbone=resnet18"
set -euo pipefail

DATASET=${DATASET:-ferplus}
read -ra EXTRA <<< "${EXTRA:-}"
COMPILE=${COMPILE---compile}
PYTHON=${PYTHON:-python3}

# calls "$@" with each step: the folder of its cells, and the experiment
steps() {
    "$@" unlabelled comparison --recipe scratch_5000 --variants baseline,simsiam,ours,cl_features \
        --seeds 0-2 -S recipes.scratch_5000.watch_test=false -S recipes.scratch_5000.unlabelled=keep
    "$@" labelled comparison --recipe scratch_5000 \
        --variants baseline,simsiam,ours,cl_features,ours_own,ours_detached \
        --seeds 0-2 -S recipes.scratch_5000.watch_test=false
    "$@" released comparison --recipe scratch_5000 --variants baseline,released_plain,released,released_running,ours \
        --seeds 0-9 -S recipes.scratch_5000.resize=126 \
        -S recipes.scratch_5000.crop=112 -S recipes.scratch_5000.watch_test=outputs
    "$@" contrast comparison --recipe scratch_5000 \
        --variants baseline,cl,cl_channels,cl_normalised,cl_centred,cl_features,cl_negatives,cl_together \
        --seeds 0-9 -S recipes.scratch_5000.watch_test=false
    "$@" table2 table2 --recipe scratch --seeds 0-4 -S recipes.scratch.watch_test=false
    "$@" argmax8 comparison --recipe scratch --variants baseline,ours --seeds 0-2
    "$@" seeds comparison --recipe scratch --variants baseline,msr,cl,ours --seeds 0-9
    "$@" paper comparison --variants baseline,ours --seeds 0-2 -S recipes.paper.weights=none
}

say_and_do() {
    echo "+ $*" >&2
    [[ $DRY ]] || "$@"
}

keep() { if [[ $DRY ]]; then cat; else tee -a "$1"; fi; } # what is printed, in a file too

experiment() { # NAME ARGUMENTS... with the labels of the step `$STEP`
    if [[ $STEP != argmax8 ]]; then
        say_and_do clfer experiment "$1" --dataset "$DATASET" "${@:2}"
    else # the strongest vote is the label, in a checkout of its own
        say_and_do mkdir -p "$ARGMAX8/data"
        say_and_do ln -sfn "$PWD/data/external" "$ARGMAX8/data/external"
        [[ $DRY ]] || sed 's/mode: majority/mode: argmax8/' params.yaml > "$ARGMAX8/params.yaml"
        (cd "${DRY:-$ARGMAX8}" && say_and_do clfer experiment "$1" --dataset "$DATASET" "${@:2}")
    fi
}

pack_step() {
    STEP=$1
    experiment "${@:2}" "${EXTRA[@]}" --pack "$PACKS/$STEP"
}

train_step() {
    local left=$((END - SECONDS))
    ((left > 30)) || return 0
    local how=(-m clfer.training "$PACKS/$1" "$CELLS/$1")
    # and what each loss asks of each block
    [[ $1 != contrast ]] || how=(docs/results/gradients.py "${how[@]:2}" "$CELLS/gradients.csv")
    # shellcheck disable=SC2086
    say_and_do "$PYTHON" "${how[@]}" $COMPILE --seconds "$left" 2>&1 | keep "$CELLS/$1.log" || echo "$1 failed"
}

measure_steps() { # at 64 and 224 px, and where the time of `ours` goes; $1: CLFER_CODE_KERNEL
    for pack in seeds paper; do
        local log=$CELLS/steps-$pack-$1.txt
        [[ ! -s $log ]] && ((END - SECONDS > 60)) || continue
        # shellcheck disable=SC2086
        CLFER_CODE_KERNEL=$1 say_and_do "$PYTHON" -m bench.steps "$PACKS/$pack" --rounds "${ROUNDS:-21}" \
            $COMPILE --profile ours 2>&1 | keep "$log" || echo "steps of $pack failed"
    done
}

page_step() {
    STEP=$1
    [[ $DRY || -d $CELLS/$STEP ]] || return 0
    experiment "${@:2}" "${EXTRA[@]}" --cells "$CELLS/$STEP" --no-train --to "$TO/$DATASET-$STEP"
}

DRY=
[[ ${1:-} == --dry-run ]] && DRY=. && shift
case "${1:-} $#" in
"pack 2")
    PACKS=$(realpath -m "$2") ARGMAX8=$(realpath -m "$2")-argmax8
    steps pack_step
    # one array of faces, for all packs that have the same
    [[ $DRY ]] || for pack in "$PACKS"/*/faces.npy; do
        ! cmp -s "$PACKS/released/faces.npy" "$pack" || ln -f "$PACKS/released/faces.npy" "$pack" 2> /dev/null || true
    done
    ;;
"run 4")
    PACKS=$2 CELLS=$3 END=$((SECONDS + $4))
    [[ $DRY ]] || mkdir -p "$CELLS"
    export PYTHONPATH=.${PYTHONPATH:+:$PYTHONPATH}
    measure_steps 0
    measure_steps 1 # with the soft code's kernel, which has not run on a GPU yet
    steps train_step
    shopt -s nullglob
    models=("$CELLS"/seeds/{msr,ours}/*/model.safetensors)
    if [[ ! $DRY && ${models[*]} ]]; then # what each layer brings where MSR weighs them
        "$PYTHON" docs/results/layers.py "$PACKS/seeds" "${models[@]}" > "$CELLS/layers.csv" || echo "layers failed"
    fi
    ;;
"collect 3")
    mkdir -p "$3"
    rm -f "$3"/cells.tar.*
    (cd "$2" && find . -type f ! -name '*.safetensors' ! -path '*/.unfinished/*') |
        tar -cf - -C "$2" -T - | split -b 15M - "$3/cells.tar."
    ;;
"pages 4")
    CELLS=$(realpath -m "$3") TO=$(realpath -m "$4") ARGMAX8=$(realpath -m "$3")-argmax8
    mkdir -p "$CELLS" "$TO"
    cat "$2"/cells.tar.* | tar -xf - -C "$CELLS"
    steps page_step
    ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 1
    ;;
esac
