# shellcheck shell=bash
# Helpers shared by the scripts in this folder. Source it; it runs nothing by itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venvs=$root/.venv

# Ansible refuses to run without a UTF-8 locale, and a bare Debian has only this one.
export LC_ALL=C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK=1

heading() {
    printf '\n== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# need_packages PACKAGE... : see to it that these Debian packages are installed.
need_packages() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        echo "This is not Debian: taking it for granted that there is: $*"
        return
    fi
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || die "missing Debian packages; run: sudo apt-get install ${missing[*]}"
    echo "Installing Debian packages: ${missing[*]}"
    # The package lists may be stale or not there at all, but mostly they are fine: fetch them
    # only if the installation fails without.
    apt_get install "${missing[@]}" || { apt_get update && apt_get install "${missing[@]}"; } ||
        { cat "$venvs/apt.log" >&2; die "apt-get could not install: ${missing[*]}"; }
}

apt_get() {
    mkdir -p "$venvs"
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@" \
        </dev/null >"$venvs/apt.log" 2>&1
}

# find_python VERSION... : print the path of the first of these Pythons ("3.12 3.13") that runs
# and can make virtual environments; fail if there is none.
find_python() {
    local version candidate
    for version in "$@"; do
        while read -r candidate; do
            # A pyenv shim may exist for a Python that does not run, and where it does run it
            # confuses ansible-test; and a Python on PATH may be that of a virtual environment.
            # So ask each candidate for the real interpreter behind it.
            "$candidate" -c '
import ensurepip, sys, venv
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))' "$version" 2>/dev/null && return 0
        done < <(python_candidates "$version")
    done
    return 1
}

python_candidates() {
    local pyenv=${PYENV_ROOT:-$HOME/.pyenv}
    type -ap "python$1" || true
    find "$pyenv"/versions/"$1".*/bin/"python$1" 2>/dev/null | sort -Vr
    printf '%s\n' "/usr/local/bin/python$1" "/usr/bin/python$1"
}

# ensure_venv FOLDER PYTHON REQUIREMENTS... : make or renew a virtual environment, unless it
# was already made with the same Python and the same requirements.
ensure_venv() {
    local folder=$1 python=$2 wanted file arguments=()
    shift 2
    for file in "$@"; do
        arguments+=(-r "$file")
    done
    wanted=$("$python" -VV; cat "$@" | sha256sum)
    mkdir -p "${folder%/*}"
    (
        # Another session may want the same one.
        exec 9>"$folder.lock"
        flock 9
        if [[ -f $folder/made-from && $(<"$folder/made-from") == "$wanted" ]] &&
            "$folder/bin/python" -c '' 2>/dev/null; then
            return
        fi
        echo "Making ${folder#"$root"/}"
        rm -rf "$folder"
        "$python" -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet "${arguments[@]}" 9>&-
        printf '%s\n' "$wanted" >"$folder/made-from"
    )
}
