#!/bin/bash
# The virtual environment: Debian's Python, this project, what it needs, and Debian's libvirt bindings.

# Text that changes when the requirements do.
requirements_hash() { cat "$PROJECT/setup.cfg" "$CONSTRAINTS" 2>/dev/null | sha256sum | cut -d' ' -f1; }

venv_make() {
    local want
    if [ ! -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -c 'import sys' 2>/dev/null; then
        rm -rf "$VENV"
        mkdir -p "$(dirname "$VENV")"
        /usr/bin/python3 -m venv "$VENV" ||
            fail "no virtual environment could be made in $VENV" "$STEP_LOG" "is python3-venv installed, and is there room on the disk?"
    fi
    want="$(requirements_hash) $PROJECT $1"
    if [ "$(cat "$VENV/.requirements" 2>/dev/null)" = "$want" ]; then
        STEP_NOTE="unchanged"
    else
        pip_install -e "${PROJECT}[$1]"
        echo "$want" >"$VENV/.requirements"
    fi
    venv_link_libvirt
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
