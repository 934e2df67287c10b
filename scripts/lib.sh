# What the scripts share: where the project is, and how missing packages are
# installed. Sourced by bash, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
jobs=$(nproc 2>/dev/null || echo 2)

# Debian packages that building fovea and its tests need.
build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config python3
    libdnnl-dev libtiff-dev libpng-dev libjpeg62-turbo-dev libjansson-dev
    libexpat1-dev libzip-dev libfftw3-dev libcmocka-dev
)

say() { printf '\n==> %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# missing PACKAGE... prints those that are not installed
missing() {
    local p
    for p in "$@"; do
        case "$(dpkg-query -W -f='${Status}' "$p" 2>/dev/null)" in
            'install ok installed') ;;
            *) echo "$p" ;;
        esac
    done
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# need PACKAGE... installs what is missing
need() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null
    then
        echo "This is not a Debian system: nothing is installed. fovea needs" \
            "what these packages hold: $*" >&2
        return 0
    fi
    local list
    mapfile -t list < <(missing "$@")
    [ ${#list[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "packages are missing, and there is neither root nor sudo to" \
            "install them; please ask an administrator for:" \
            "apt-get install ${list[*]}"
    fi
    say "Installing ${list[*]}"
    as_root apt-get update -q ||
        echo "The package lists could not be renewed; going on with old ones."
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends "${list[@]}" ||
        die "apt-get could not install: ${list[*]}"
}
