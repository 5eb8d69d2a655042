#!/bin/bash
# The virtual environment: Debian's Python, this project, what it needs, and Debian's libvirt bindings.

# Text that changes when the requirements do.
requirements_hash() { cat "$PROJECT/setup.cfg" "$CONSTRAINTS" 2>/dev/null | sha256sum | cut -d' ' -f1; }

# venv_make EXTRA [FOLDER]: the environment, with the project out of FOLDER (the checkout).
venv_make() {
    local want source=${2:-$PROJECT}
    if [ ! -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -c 'import sys' 2>/dev/null; then
        rm -rf "$VENV"
        mkdir -p "$(dirname "$VENV")"
        /usr/bin/python3 -m venv "$VENV" ||
            fail "no virtual environment could be made in $VENV" "$STEP_LOG" "is python3-venv installed, and is there room on the disk?"
    fi
    want="$(requirements_hash) $source $1"
    if [ "$(cat "$VENV/.requirements" 2>/dev/null)" = "$want" ]; then
        STEP_NOTE="unchanged"
    else
        pip_install -e "${source}[$1]"
        echo "$want" >"$VENV/.requirements"
    fi
    venv_link_libvirt
}

# stack_venv: the environment of the daemons. Their account may not be able to read the checkout (one in /root, or made
# with a strict umask): then they run from a copy of it, which every run brings up to date.
stack_venv() {
    local source=$PROJECT copied=""
    if ! as_user "$UNIX_USER" test -r "$PROJECT/common/cli.py" -a -x "$PROJECT/services"; then
        source=$DEST/source
        source_copy "$source"
        copied="of a copy: $UNIX_USER cannot read $PROJECT"
    fi
    venv_make all "$source"
    # shellcheck disable=SC2034  # common.sh shows it
    STEP_NOTE+=${copied:+${STEP_NOTE:+; }$copied}
}

# source_copy FOLDER: what is installed, with the checkout's times (modules compile once), readable for all.
source_copy() {
    local name
    rm -rf "$1.new"
    mkdir -p "$1.new"
    for name in common services setup.cfg pyproject.toml README.md LICENSE; do
        [ ! -e "$PROJECT/$name" ] || cp -r --preserve=timestamps "$PROJECT/$name" "$1.new/"
    done
    chmod -R a+rX "$1.new"
    if diff -rq -x __pycache__ -x '*.egg-info' "$1.new" "$1" >/dev/null 2>&1; then rm -rf "$1.new"; return 0; fi
    rm -rf "$1.old"
    [ ! -e "$1" ] || mv "$1" "$1.old"
    mv "$1.new" "$1"
    rm -rf "$1.old"
}

pip_install() {
    local constraints=()
    [ ! -s "$CONSTRAINTS" ] || constraints=(-c "$CONSTRAINTS")
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input "${constraints[@]}" "$@" ||
        fail "pip could not install the project's libraries" "$STEP_LOG" \
            "can this machine reach its Python package index (pip config list), and is there room on the disk (df -h $VENV)?"
}

# libvirt's bindings are Debian's, built for its library; the environment sees just these files.
venv_link_libvirt() {
    local site file
    site=$(echo "$VENV"/lib/python3*/site-packages)
    for file in /usr/lib/python3/dist-packages/{libvirt.py,libvirt_qemu.py,libvirtmod*.so,libvirt_qemumod*.so}; do
        if [ -e "$file" ]; then ln -sf "$file" "$site/"; fi
    done
}

# `altostack` and `openstack` for everybody's PATH; a program of that name that is not ours stays.
venv_link_commands() {
    local name target
    for name in altostack openstack; do
        target=/usr/local/bin/$name
        if [ -e "$target" ] && [ ! -L "$target" ]; then echo "$target is another program; left alone"; continue; fi
        if [ -x "$VENV/bin/$name" ]; then ln -sfn "$VENV/bin/$name" "$target"; fi
    done
}

venv_unlink_commands() {
    local name
    for name in altostack openstack; do
        if [ "$(readlink "/usr/local/bin/$name" 2>/dev/null)" = "$VENV/bin/$name" ]; then rm -f "/usr/local/bin/$name"; fi
    done
}
